#include "base/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace sluice {
namespace {

class LocalFileSystemTest : public testing::Test {
 protected:
  LocalFileSystemTest() {
    std::string pattern = testing::TempDir() + "files.XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  FileSystem& files_ = LocalFileSystem();
  std::string folder_;
};

TEST_F(LocalFileSystemTest, AppendsReadsAndCuts) {
  auto file = files_.Open(folder_ + "/a", OpenMode::kAppend).value();
  ASSERT_TRUE(file->Append("hello "));
  ASSERT_TRUE(file->Append("world"));
  EXPECT_EQ(file->Read(6, 5).value(), "world");
  ASSERT_TRUE(file->Truncate(5));
  ASSERT_TRUE(file->Append("!"));
  EXPECT_EQ(file->Read(0, 6).value(), "hello!");
  EXPECT_EQ(file->Read(4, 10).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(LocalFileSystemTest, CreatesFilesAndFoldersForTheOwnerOnly) {
  ASSERT_TRUE(files_.CreateFolders(folder_ + "/x/y"));
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/x/y/z", "1"));
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/x/y/z").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat((folder_ + "/x/y").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(LocalFileSystemTest, ReplacesASmallFileWhole) {
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/s", "one"));
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/s", "two"));
  EXPECT_EQ(ReadSmallFile(files_, folder_ + "/s").value(), "two");
  EXPECT_EQ(files_.List(folder_).value(), std::vector<std::string>{"s"});
  EXPECT_EQ(ReadSmallFile(files_, folder_ + "/s", 2).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(LocalFileSystemTest, AMissingFileHasItsOwnCode) {
  EXPECT_EQ(files_.Open(folder_ + "/no", OpenMode::kRead).error().code(), "ENOENT");
  EXPECT_FALSE(files_.Exists(folder_ + "/no").value());
  EXPECT_TRUE(files_.Remove(folder_ + "/no"));
}

}  // namespace
}  // namespace sluice
