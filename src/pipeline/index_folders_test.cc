#include "pipeline/index_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_system_fake.h"

namespace sluice::pipeline {
namespace {

using ::testing::ElementsAre;

void MakeIndex(FileSystem& files, const TableId& id) {
  const std::string folder = IndexFolder("/state", id);
  ASSERT_TRUE(files.CreateFolders(folder));
  for (const char* name : {"/manifest", "/1.run"}) {
    ASSERT_TRUE(WriteFileAtomically(files, folder + name, "bytes"));
  }
}

TEST(IndexFolders, OnlyThoseWantedStay) {
  FakeFileSystem files;
  for (const TableId& id : {TableId{7, 0}, TableId{7, 1}, TableId{71, 0}}) MakeIndex(files, id);
  ASSERT_TRUE(WriteFileAtomically(files, "/state/index/7-x", "not ours"));
  RemoveIndexes(files, "/state", [](const TableId& id) { return id != TableId{7, 0}; });
  EXPECT_THAT(*files.List("/state/index"), ElementsAre("7-1", "7-x", "71-0"));
  EXPECT_EQ(files.List("/state/index/7-1")->size(), 2U);
}

TEST(IndexFolders, NoStateIsNoTrouble) {
  FakeFileSystem files;
  RemoveIndexes(files, "/nowhere", [](const TableId&) { return false; });
}

}  // namespace
}  // namespace sluice::pipeline
