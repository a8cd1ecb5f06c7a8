// Messages of transactions that are not yet committed (or not yet known whole), kept aside in the
// order they came: a little in memory, the rest in one file a transaction. The files are
// disposable: nothing in them counts, after a restart Postgres sends every transaction again.
//
// File: docs/formats/spool.md. One thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_system.h"

namespace sluice::postgres {

class Spool;

struct SpoolLimits {
  uint64_t bytes_max = uint64_t{50} << 30;  // over all spools, memory and disk
  uint64_t memory_bytes_max = 4 << 20;      // over all spools; more goes to the files
};

// All spools of one decoder. Outlives them.
class SpoolFolder {
 public:
  // Makes the folder; removes spool files an earlier run left.
  static Result<std::unique_ptr<SpoolFolder>> Open(FileSystem& files, const std::string& folder,
                                                   SpoolLimits limits);
  std::unique_ptr<Spool> Create(uint32_t top_xid);
  uint64_t bytes() const { return buffered_bytes_ + file_bytes_; }

 private:
  friend class Spool;
  friend class SpoolReader;
  SpoolFolder(FileSystem& files, std::string folder, SpoolLimits limits)
      : files_(files), folder_(std::move(folder)), limits_(limits) {}
  Status CheckRoom(uint64_t bytes) const;
  Status MakeMemory(uint64_t bytes);

  FileSystem& files_;
  std::string folder_;
  SpoolLimits limits_;
  std::set<Spool*> spools_;
  uint64_t buffered_bytes_ = 0;
  uint64_t held_bytes_ = 0;  // memory of the buffers, used or not
  uint64_t file_bytes_ = 0;
  uint64_t created_ = 0;
  size_t open_files_ = 0;
};

class Spool {
 public:
  ~Spool();  // its file goes with it
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // kExhausted: over the limit or no room on disk; the entry was not taken, and the same call may
  // be made again later.
  Status Append(uint32_t subxid, std::string_view message);

 private:
  friend class SpoolFolder;
  friend class SpoolReader;
  Spool(SpoolFolder& folder, std::string path) : folder_(folder), path_(std::move(path)) {}
  uint64_t held() const;
  Status Reserve(uint64_t bytes);
  Status WriteOut();
  Status Write(std::initializer_list<std::string_view> parts);
  Status OpenFile();
  void CloseFile();

  SpoolFolder& folder_;
  std::string path_;
  std::unique_ptr<File> file_;  // closed where many are open
  bool made_ = false;           // there is a file
  uint64_t written_ = 0;        // bytes of whole entries in the file
  std::string buffer_;          // entries after those
};

// Reads a spool from its start, in pieces. Nothing is appended meanwhile.
class SpoolReader {
 public:
  struct Entry {
    uint32_t subxid = 0;
    std::string_view message;  // valid until the next call
  };

  explicit SpoolReader(const Spool& spool) : spool_(spool) {}
  // Nothing: the end. kUnavailable: the file does not hold what was written to it.
  Result<std::optional<Entry>> Next();

 private:
  struct Head;

  Status Load(size_t size);
  Result<std::string> ReadFile(size_t size);
  Error Damaged(std::string_view what) const;
  std::string_view Rest() const { return std::string_view(piece_).substr(position_); }

  const Spool& spool_;
  std::unique_ptr<File> file_;
  uint64_t offset_ = 0;    // next byte to load; past the file's end: of the buffer
  uint64_t entry_at_ = 0;  // of the next entry
  std::string piece_;
  size_t position_ = 0;
};

}  // namespace sluice::postgres
