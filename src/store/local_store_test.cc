#include <arrow/buffer.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/file_system_fake.h"
#include "store/object_store.h"

namespace sluice::store {
namespace {

std::shared_ptr<arrow::Buffer> Bytes(std::string text) {
  return arrow::Buffer::FromString(std::move(text));
}

class LocalStoreTest : public testing::Test {
 protected:
  LocalStoreTest() {
    std::string pattern = testing::TempDir() + "store.XXXXXX";
    root_ = std::string("file://") + mkdtemp(pattern.data());
  }

  Status Put(const Location& at, const std::string& text) {
    SLUICE_LET(const auto writer, store_->Create(at));
    SLUICE_TRY(writer->Append(Bytes(text)));
    SLUICE_LET(const uint64_t size, writer->Finish());
    EXPECT_EQ(size, text.size());
    return {};
  }

  std::unique_ptr<ObjectStore> store_ = MakeLocalStore();
  Location root_;
};

TEST_F(LocalStoreTest, AnObjectIsThereOnceFinishedAndNotBefore) {
  const Location at = root_ + "/data/p=1/a b%20ü.parquet";
  auto writer = store_->Create(at).value();
  ASSERT_TRUE(writer->Append(Bytes("hello ")));
  EXPECT_EQ(store_->Size(at).error().code(), "ENOENT");
  EXPECT_TRUE(store_->List(root_).value().empty());
  ASSERT_TRUE(writer->Append(Bytes("world")));
  EXPECT_EQ(writer->Finish().value(), 11U);
  EXPECT_EQ(store_->Size(at).value(), 11U);
  EXPECT_EQ(store_->Read(at, 6, 5).value()->ToString(), "world");
  EXPECT_EQ(ReadAll(*store_, at).value(), "hello world");
  EXPECT_EQ(store_->List(root_).value().at(0).location, at) << "the path is taken verbatim";
}

TEST_F(LocalStoreTest, AnUnfinishedObjectLeavesNothing) {
  { ASSERT_TRUE(store_->Create(root_ + "/x/a").value()->Append(Bytes("1"))); }
  EXPECT_TRUE(LocalFileSystem().List(root_.substr(7) + "/x").value().empty());
}

TEST_F(LocalStoreTest, ListsEverythingBelowInOrder) {
  for (const char* name : {"/b/2", "/b/1", "/a", "/b/c/3"}) ASSERT_TRUE(Put(root_ + name, name));
  std::vector<std::string> names;
  const std::vector<Object> objects = store_->List(root_ + "/").value();
  for (const Object& object : objects) {
    names.push_back(object.location.substr(root_.size()));
    EXPECT_EQ(object.size, names.back().size());
    EXPECT_GT(object.modified_us, int64_t{1'600'000'000'000'000});
  }
  EXPECT_EQ(names, (std::vector<std::string>{"/a", "/b/1", "/b/2", "/b/c/3"}));
  EXPECT_TRUE(store_->List(root_ + "/none").value().empty());
}

TEST_F(LocalStoreTest, OfManyPutsOneWins) {
  const Location at = root_ + "/metadata/v1.json";
  std::atomic<int> wins = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const Status put = store_->PutIfAbsent(at, Bytes(std::to_string(i)));
      if (put) {
        ++wins;
      } else {
        EXPECT_EQ(put.error().kind(), ErrorKind::kConflict);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wins, 1);
  EXPECT_EQ(LocalFileSystem().List(root_.substr(7) + "/metadata").value().size(), 1U);
}

TEST_F(LocalStoreTest, DeletesWhatIsThereAndWhatIsNot) {
  ASSERT_TRUE(Put(root_ + "/a", "1"));
  const std::vector<Location> gone = {root_ + "/a", root_ + "/never"};
  EXPECT_TRUE(store_->Delete(gone));
  EXPECT_EQ(ReadAll(*store_, root_ + "/a").error().code(), "ENOENT");
}

TEST_F(LocalStoreTest, ALocationWithoutAuthorityIsTheSamePlace) {
  ASSERT_TRUE(Put(root_ + "/a", "1"));
  EXPECT_EQ(ReadAll(*store_, "file:" + root_.substr(7) + "/a").value(), "1");
}

TEST_F(LocalStoreTest, OtherLocationsAreRefused) {
  for (const char* at : {"/srv/x", "s3://bucket/x", "file://host/x", "file:x", "file://", ""}) {
    EXPECT_EQ(store_->Create(at).error().kind(), ErrorKind::kConfig) << at;
  }
}

TEST_F(LocalStoreTest, AReadPastTheEndIsCorrupt) {
  ASSERT_TRUE(Put(root_ + "/a", "123"));
  EXPECT_EQ(store_->Read(root_ + "/a", 2, 2).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(ReadAll(*store_, root_ + "/a", 2).error().kind(), ErrorKind::kCorrupt);
}

// Power is lost at each operation of a write in turn: the object is whole or absent, and there if
// Finish had returned.
TEST(LocalStoreCrash, AFinishedObjectSurvivesAndNoOtherIsSeen) {
  for (uint64_t stop = 0, done = 0; done == 0; ++stop) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      FakeFileSystem files;
      files.StopAt(stop);
      bool finished = false;
      {
        const auto store = MakeLocalStore(files);
        auto writer = store->Create("file:///lake/t/data/a");
        if (writer && (*writer)->Append(Bytes("hello")) && (*writer)->Append(Bytes("world"))) {
          finished = (*writer)->Finish().has_value();
        }
      }
      files.Crash(seed);
      const auto store = MakeLocalStore(files);
      const auto content = ReadAll(*store, "file:///lake/t/data/a");
      ASSERT_TRUE(content || !finished) << "stopped at operation " << stop << ", seed " << seed;
      if (content) {
        EXPECT_EQ(*content, "helloworld");
      } else {
        EXPECT_TRUE(store->List("file:///lake").value().empty());
      }
      if (finished) done = 1;
    }
  }
}

TEST(LocalStoreCrash, AFailedSyncFinishesNothing) {
  FakeFileSystem files;
  const auto store = MakeLocalStore(files);
  auto writer = store->Create("file:///lake/a").value();
  ASSERT_TRUE(writer->Append(Bytes("1")));
  files.FailAt(files.operation_count(), Fault::kIo);
  EXPECT_EQ(writer->Finish().error().kind(), ErrorKind::kUnavailable);
  writer.reset();
  EXPECT_TRUE(files.List("/lake").value().empty());
}

TEST(LocalStoreCrashTest, AFolderThatOthersRemovedAndWeMadeAgainIsDurableAgain) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FakeFileSystem files;
    const auto store = MakeLocalStore(files);
    ASSERT_TRUE(store->PutIfAbsent("file:///lake/t/a", Bytes("1")));
    for (const char* gone : {"/lake/t/a", "/lake/t"}) ASSERT_TRUE(files.Remove(gone));
    ASSERT_TRUE(files.SyncFolder("/lake"));
    ASSERT_TRUE(store->PutIfAbsent("file:///lake/t/b", Bytes("2")));
    files.Crash(seed);
    EXPECT_TRUE(files.Exists("/lake/t/b").value()) << seed;
  }
}

}  // namespace
}  // namespace sluice::store
