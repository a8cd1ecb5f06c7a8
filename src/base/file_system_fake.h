// A file system in memory that can lose power: what was not synced is lost or torn at Crash(), file
// content and folder entries apart, as POSIX allows. Faults are
// injected by operation number. For tests and the simulation; thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace sluice {

// What the operation that it hits does instead of its work.
enum class Fault : uint8_t {
  kIo,          // EIO, nothing done. A failed sync: what was not durable never will be, although
                // it still reads back and a second sync succeeds (as on Linux)
  kNoSpace,     // ENOSPC, nothing done
  kShortWrite,  // ENOSPC after half of the bytes; only for Append
};

class FakeFileSystem final : public FileSystem {
 public:
  FakeFileSystem();
  ~FakeFileSystem() override;

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> List(const std::string& folder) override;
  Status CreateFolders(const std::string& folder) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status RenameNew(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncFolder(const std::string& folder) override;
  Result<bool> Exists(const std::string& path) override;
  Result<FileInfo> Info(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& folder) override;

  // Operations that change something (creating, appending, syncing, renaming, ...), from 0.
  uint64_t operation_count() const;
  // Called before each such operation with its number, in the caller's thread.
  void SetHook(std::function<void(uint64_t operation)> hook);
  void FailAt(uint64_t operation, Fault fault);
  // The first sync (of a file or a folder) at or after that operation fails, as Fault::kIo says.
  void FailSyncFrom(uint64_t operation);
  // From that operation on everything fails, reads too, until Crash: the moment power goes.
  void StopAt(uint64_t operation);
  bool powered_off() const;
  // Whether a fault or stop has yet to come.
  bool fault_pending() const;
  // Faults and stops that have not come yet never will.
  void ClearFaults();
  // Power comes back: unsynced content survives as a random prefix, possibly with holes of zeros;
  // unsynced entries survive or not; open files and locks are dead. The same seed, the same loss.
  void Crash(uint64_t seed);
  // The process dies, the machine does not: open files and locks are dead, nothing is lost.
  void KillProcess();

  // Of a folder and all below it: the files' paths; gone, as if the disk was lost; once more
  // elsewhere, as a backup restores it (durable at once).
  std::vector<std::string> Paths(const std::string& folder) const;
  void Lose(const std::string& folder);
  void CopyTree(const std::string& from, const std::string& to);

  void SetCapacity(uint64_t bytes);
  std::string Content(const std::string& path) const;
  void SetContent(const std::string& path, std::string content);  // durable at once
  void FlipBit(const std::string& path, uint64_t bit);            // at rest

 private:
  struct Inode;
  struct Change;
  class FakeFile;
  class FakeLock;
  using InodePtr = std::shared_ptr<Inode>;

  Status Begin(std::optional<Fault>* fault = nullptr);
  Status BeginSync(std::optional<Fault>* fault = nullptr);
  Status CheckPower() const;
  uint64_t UsedBytes() const;
  void Apply(const Change& change, std::map<std::string, InodePtr>& entries) const;
  void Record(Change change);
  Status DoRename(const std::string& from, const std::string& to, bool replace);

  mutable std::recursive_mutex mutex_;
  std::function<void(uint64_t)> hook_;
  std::map<std::string, InodePtr> entries_;          // files and folders, by path
  std::map<std::string, InodePtr> durable_entries_;  // those that survive a crash for sure
  std::vector<Change> unsynced_;                     // what leads from these to those, in order
  std::map<uint64_t, Fault> faults_;
  std::set<std::string> locks_;
  uint64_t operations_ = 0;
  uint64_t stop_at_ = UINT64_MAX;
  uint64_t fail_sync_from_ = UINT64_MAX;
  bool off_ = false;
  uint64_t life_ = 0;  // handles of an earlier life are dead
  uint64_t capacity_ = UINT64_MAX;
};

}  // namespace sluice
