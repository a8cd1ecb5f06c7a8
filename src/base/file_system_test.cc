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

TEST_F(LocalFileSystemTest, ARenameToANewNameReplacesNothing) {
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/a", "a"));
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/b", "b"));
  const auto taken = files_.RenameNew(folder_ + "/a", folder_ + "/b");
  EXPECT_EQ(taken.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(ReadSmallFile(files_, folder_ + "/b").value(), "b");
  ASSERT_TRUE(files_.RenameNew(folder_ + "/a", folder_ + "/c"));
  EXPECT_EQ(files_.List(folder_).value(), (std::vector<std::string>{"b", "c"}));
}

TEST_F(LocalFileSystemTest, ALockExcludesUntilItIsDropped) {
  auto lock = files_.Lock(folder_ + "/lock").value();
  EXPECT_EQ(files_.Lock(folder_ + "/lock").error().kind(), ErrorKind::kConfig);
  lock.reset();
  EXPECT_TRUE(files_.Lock(folder_ + "/lock"));
}

TEST_F(LocalFileSystemTest, TellsFilesFromFolders) {
  ASSERT_TRUE(CreateFoldersDurably(files_, folder_ + "/x/y"));
  ASSERT_TRUE(WriteFileAtomically(files_, folder_ + "/x/z", "123"));
  EXPECT_TRUE(files_.Info(folder_ + "/x/y").value().folder);
  const FileInfo info = files_.Info(folder_ + "/x/z").value();
  EXPECT_FALSE(info.folder);
  EXPECT_EQ(info.size, 3U);
  EXPECT_GT(info.modified_us, int64_t{1'600'000'000'000'000});
  EXPECT_EQ(files_.Info(folder_ + "/no").error().code(), "ENOENT");
}

TEST_F(LocalFileSystemTest, SharedFilesAreReadableByTheGroup) {
  FileSystem& shared = SharedFileSystem();
  ASSERT_TRUE(shared.CreateFolders(folder_ + "/lake"));
  ASSERT_TRUE(WriteFileAtomically(shared, folder_ + "/lake/z", "1"));
  const mode_t mask = umask(0);
  umask(mask);
  struct stat info {};
  ASSERT_EQ(stat((folder_ + "/lake/z").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U & ~mask);
  ASSERT_EQ(stat((folder_ + "/lake").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0750U & ~mask);
}

TEST_F(LocalFileSystemTest, AMissingFileHasItsOwnCode) {
  EXPECT_EQ(files_.Open(folder_ + "/no", OpenMode::kRead).error().code(), "ENOENT");
  EXPECT_FALSE(files_.Exists(folder_ + "/no").value());
  EXPECT_TRUE(files_.Remove(folder_ + "/no"));
}

}  // namespace
}  // namespace sluice
