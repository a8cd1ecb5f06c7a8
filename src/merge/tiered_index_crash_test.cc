#include <gtest/gtest.h>

#include <set>

#include "base/file_system_fake.h"
#include "merge/key_encoding.h"
#include "merge/key_index.h"
#include "merge/merge_test_support.h"

namespace sluice::merge {
namespace {

constexpr const char* kFolder = "/state/index";

// Power may fail at any write: what is listed afterwards must be there, the rest is missing.
TEST(TieredIndexCrash, APowerCutCostsReadingAgainNeverAWrongAnswer) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    FakeFileSystem fs;
    FileSet files;
    TieredIndexOptions options{kFolder, 3, 1};
    auto index = Must(OpenTieredIndex(fs, files, options)).index;
    fs.StopAt(fs.operation_count() + seed);
    for (int i = 0; i < 10; ++i) {
      const FileId file = files.AddStaged("f" + std::to_string(i));
      files.SetRecordCount(file, 2);
      std::vector<IndexEntry> entries;
      for (uint32_t row = 0; row < 2; ++row) {
        entries.push_back({FingerprintOf(fmt::format("{}/{}", i, row)), {file, row}});
      }
      const bool staged = index->Stage(entries).has_value();
      files.Publish();
      if (!staged || !index->Publish(i)) break;
    }
    index.reset();
    fs.Crash(seed);
    OpenedIndex opened = Must(OpenTieredIndex(fs, files, options));
    const std::set<FileId> missing(opened.missing.begin(), opened.missing.end());
    class NoReader final : public KeyReader {
      Result<std::vector<std::string>> ReadKeys(std::span<const RowLocation>) override {
        return MakeError(ErrorKind::kInternal, "no key is needed");
      }
    } reader;
    for (const auto& [id, file] : files.files()) {
      if (missing.contains(id)) continue;
      for (uint32_t row = 0; row < 2; ++row) {
        const std::string key = fmt::format("{}/{}", file.location.substr(1), row);
        const Fingerprint fingerprint = FingerprintOf(key);
        const std::string_view view = key;
        std::optional<RowLocation> found;
        Must(opened.index->Find({&fingerprint, 1}, {&view, 1}, FindMode::kExists, reader,
                                {&found, 1}));
        EXPECT_EQ(found, (RowLocation{id, row})) << "seed " << seed << " key " << key;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::merge
