#include "pipeline/state_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <optional>

namespace sluice::pipeline {
namespace {

class StateLockTest : public ::testing::Test {
 protected:
  StateLockTest() { std::filesystem::remove_all(folder_); }
  ~StateLockTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "state_lock_test";
};

TEST_F(StateLockTest, ASecondOneIsRefusedAndToldWhoHoldsIt) {
  const auto first = StateLock::Take(folder_);
  ASSERT_TRUE(first);
  const auto second = StateLock::Take(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::kConfig);
  EXPECT_NE(second.error().message().find(std::to_string(getpid())), std::string::npos);
}

TEST_F(StateLockTest, AMomentIsWaitedFor) {
  std::optional<Result<StateLock>> command = StateLock::Take(folder_);
  ASSERT_TRUE(*command);
  auto run = std::async(std::launch::async, [this] { return bool{StateLock::Take(folder_)}; });
  // It has not given up while the command holds the lock.
  EXPECT_EQ(run.wait_for(kLockPatience / 4), std::future_status::timeout);
  command.reset();
  EXPECT_TRUE(run.get());
}

}  // namespace
}  // namespace sluice::pipeline
