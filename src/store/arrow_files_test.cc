#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <gtest/gtest.h>

#include "base/file_system_fake.h"
#include "change/arrow_status.h"
#include "store/object_store.h"

namespace sluice::store {
namespace {

class ArrowFilesTest : public testing::Test {
 protected:
  FakeFileSystem files_;
  std::unique_ptr<ObjectStore> store_ = MakeLocalStore(files_);
  Location at_ = "file:///lake/a";
};

TEST_F(ArrowFilesTest, ClosingFinishesTheObject) {
  const auto output = OpenOutput(store_->Create(at_).value());
  ASSERT_TRUE(output->Write("hello ", 6).ok());
  ASSERT_TRUE(output->Write(arrow::Buffer::FromString("world")).ok());
  EXPECT_EQ(output->Tell().ValueOrDie(), 11);
  EXPECT_FALSE(store_->Size(at_));
  ASSERT_TRUE(output->Close().ok());
  ASSERT_TRUE(output->Close().ok()) << "closing twice is harmless";
  EXPECT_TRUE(output->closed());
  EXPECT_FALSE(output->Write("x", 1).ok());
  EXPECT_EQ(ReadAll(*store_, at_).value(), "hello world");
}

TEST_F(ArrowFilesTest, DroppingOrAbortingLeavesNothing) {
  ASSERT_TRUE(OpenOutput(store_->Create(at_).value())->Write("x", 1).ok());
  const auto output = OpenOutput(store_->Create(at_).value());
  ASSERT_TRUE(output->Abort().ok());
  EXPECT_TRUE(files_.List("/lake").value().empty());
}

TEST_F(ArrowFilesTest, AfterAnErrorClosingIsRefusedAndTheKindSurvives) {
  const auto output = OpenOutput(store_->Create(at_).value());
  files_.FailAt(files_.operation_count(), Fault::kShortWrite);
  EXPECT_EQ(FromArrow(output->Write("hello", 5)).kind(), ErrorKind::kExhausted);
  EXPECT_FALSE(output->Write("x", 1).ok());
  EXPECT_EQ(FromArrow(output->Close()).code(), "ENOSPC");
  EXPECT_TRUE(files_.List("/lake").value().empty());
}

TEST_F(ArrowFilesTest, ReadsAnywhere) {
  ASSERT_TRUE(store_->PutIfAbsent(at_, arrow::Buffer::FromString("0123456789")));
  const auto input = OpenInput(*store_, at_).value();
  EXPECT_EQ(input->GetSize().ValueOrDie(), 10);
  EXPECT_EQ(input->ReadAt(3, 4).ValueOrDie()->ToString(), "3456");
  EXPECT_EQ(input->ReadAt(8, 10).ValueOrDie()->ToString(), "89") << "short at the end";
  EXPECT_EQ(input->ReadAt(20, 1).ValueOrDie()->size(), 0);
  EXPECT_EQ(input->Read(4).ValueOrDie()->ToString(), "0123");
  char two[2];
  EXPECT_EQ(input->Read(2, two).ValueOrDie(), 2);
  EXPECT_EQ(std::string_view(two, 2), "45");
  ASSERT_TRUE(input->Seek(9).ok());
  EXPECT_EQ(input->Read(5).ValueOrDie()->ToString(), "9");
  EXPECT_FALSE(input->Seek(11).ok());
  ASSERT_TRUE(input->Close().ok());
  EXPECT_FALSE(input->ReadAt(0, 1).ok());
}

TEST_F(ArrowFilesTest, AMissingObjectIsToldWhenOpening) {
  EXPECT_EQ(OpenInput(*store_, at_).error().code(), "ENOENT");
}

}  // namespace
}  // namespace sluice::store
