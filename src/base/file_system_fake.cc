#include "base/file_system_fake.h"

#include <algorithm>
#include <optional>
#include <random>

namespace sluice {

namespace {

using Guard = std::lock_guard<std::recursive_mutex>;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

Error NoSuchFile(const std::string& path) {
  return MakeError(ErrorKind::kUnavailable, "opening {}: no such file", path).WithCode("ENOENT");
}

Error NoSpace() { return MakeError(ErrorKind::kExhausted, "no space left").WithCode("ENOSPC"); }

}  // namespace

struct FakeFileSystem::Inode {
  bool folder = false;
  std::string content;
  std::string synced;      // what survives a crash for sure
  uint64_t kept = 0;       // bytes of `synced` never cut off since: the least size since the sync
  uint64_t lost_from = 0;  // [lost_from, lost_to) of `content` fell out of a failed sync
  uint64_t lost_to = 0;

  void CutTo(uint64_t size) {
    content.resize(size);
    kept = std::min(kept, size);
    lost_from = std::min(lost_from, size);
    lost_to = std::min(lost_to, size);
  }
  void Sync() {
    synced = content;
    std::fill(synced.begin() + static_cast<ptrdiff_t>(lost_from),
              synced.begin() + static_cast<ptrdiff_t>(lost_to), '\0');
    kept = content.size();
  }
  void FailSync() {
    lost_from = lost_to > lost_from ? std::min(lost_from, kept) : kept;
    lost_to = content.size();
  }
  void Crash(std::mt19937_64& random);
};

void FakeFileSystem::Inode::Crash(std::mt19937_64& random) {
  const auto zero = [this](uint64_t from, uint64_t to) {
    std::fill(content.begin() + static_cast<ptrdiff_t>(from),
              content.begin() + static_cast<ptrdiff_t>(to), '\0');
  };
  if (kept < synced.size() && random() % 2 == 0) {
    content = synced;  // the cut, and all after it, never reached the disk
  } else {
    zero(lost_from, lost_to);
    content.resize(kept + random() % (content.size() - kept + 1));
    const uint64_t fresh = content.size() - kept;
    if (fresh > 0 && random() % 3 == 0) {  // blocks reach the disk in any order
      const uint64_t from = kept + random() % fresh;
      zero(from, from + random() % (content.size() - from + 1));
    }
  }
  lost_from = lost_to = 0;
  synced = content;
  kept = content.size();
}

// One change of folder entries: from -> gone, to -> inode; a rename does both or nothing.
struct FakeFileSystem::Change {
  std::string from;
  std::string to;
  InodePtr inode;
  std::vector<Change> inside = {};  // of a folder that moves

  bool In(std::string folder) const {
    if (folder == "/") folder.clear();
    return (!to.empty() && FolderOf(to) == folder) || (!from.empty() && FolderOf(from) == folder);
  }
};

class FakeFileSystem::FakeFile final : public File {
 public:
  FakeFile(FakeFileSystem& files, InodePtr inode) : files_(files), inode_(std::move(inode)) {
    life_ = files_.life_;
  }

  Status Append(std::string_view bytes) override {
    std::optional<Fault> fault;
    SLUICE_TRY(files_.Begin(&fault));
    const Guard guard(files_.mutex_);
    SLUICE_TRY(Alive());
    if (fault == Fault::kShortWrite) {
      inode_->content.append(bytes.substr(0, bytes.size() / 2));
      return NoSpace();
    }
    const uint64_t used = files_.UsedBytes();
    const uint64_t room = files_.capacity_ - std::min(files_.capacity_, used);
    inode_->content.append(bytes.substr(0, room));
    if (room < bytes.size()) return NoSpace();
    return {};
  }

  Result<std::string> Read(uint64_t offset, size_t size) override {
    const Guard guard(files_.mutex_);
    SLUICE_TRY(files_.CheckPower());
    SLUICE_TRY(Alive());
    const uint64_t end = inode_->content.size();
    if (offset > end || end - offset < size) {
      return MakeError(ErrorKind::kCorrupt, "file ends at byte {}, {} bytes wanted from {}", end,
                       size, offset);
    }
    return inode_->content.substr(offset, size);
  }

  Result<uint64_t> Size() override {
    const Guard guard(files_.mutex_);
    SLUICE_TRY(files_.CheckPower());
    SLUICE_TRY(Alive());
    return inode_->content.size();
  }

  Status Sync() override {
    std::optional<Fault> fault;
    const Status begun = files_.BeginSync(&fault);
    const Guard guard(files_.mutex_);
    SLUICE_TRY(Alive());
    if (fault) inode_->FailSync();
    SLUICE_TRY(begun);
    if (fault) return NoSpace();
    inode_->Sync();
    return {};
  }

  Status Truncate(uint64_t size) override {
    SLUICE_TRY(files_.Begin());
    const Guard guard(files_.mutex_);
    SLUICE_TRY(Alive());
    inode_->CutTo(size);
    return {};
  }

 private:
  Status Alive() const {
    if (life_ == files_.life_) return {};
    return MakeError(ErrorKind::kUnavailable, "the file was open in an earlier life");
  }

  FakeFileSystem& files_;
  InodePtr inode_;
  uint64_t life_ = 0;
};

class FakeFileSystem::FakeLock final : public FileLock {
 public:
  FakeLock(FakeFileSystem& files, std::string path)
      : files_(files), path_(std::move(path)), life_(files.life_) {}
  ~FakeLock() override {
    const Guard guard(files_.mutex_);
    if (life_ == files_.life_) files_.locks_.erase(path_);
  }
  FakeLock(const FakeLock&) = delete;
  FakeLock& operator=(const FakeLock&) = delete;

 private:
  FakeFileSystem& files_;
  std::string path_;
  uint64_t life_;
};

FakeFileSystem::FakeFileSystem() = default;
FakeFileSystem::~FakeFileSystem() = default;

// Counts an operation; fails where a fault says so. kShortWrite is left to the caller.
Status FakeFileSystem::Begin(std::optional<Fault>* fault) {
  std::function<void(uint64_t)> hook;
  uint64_t number = 0;
  {
    const Guard guard(mutex_);
    number = operations_++;
    hook = hook_;
  }
  if (hook) hook(number);
  const Guard guard(mutex_);
  if (number >= stop_at_) off_ = true;
  SLUICE_TRY(CheckPower());
  const auto found = faults_.find(number);
  if (found == faults_.end()) return {};
  if (fault != nullptr) *fault = found->second;
  if (found->second == Fault::kNoSpace) return NoSpace();
  if (found->second == Fault::kShortWrite && fault != nullptr) return {};
  return MakeError(ErrorKind::kUnavailable, "injected fault").WithCode("EIO");
}

Status FakeFileSystem::BeginSync(std::optional<Fault>* fault) {
  {
    const Guard guard(mutex_);
    if (operations_ >= fail_sync_from_) {
      faults_[operations_] = Fault::kIo;
      fail_sync_from_ = UINT64_MAX;
    }
  }
  return Begin(fault);
}

Status FakeFileSystem::CheckPower() const {
  if (!off_) return {};
  return MakeError(ErrorKind::kUnavailable, "the power is off").WithCode("EIO");
}

uint64_t FakeFileSystem::UsedBytes() const {
  uint64_t used = 0;
  for (const auto& [path, inode] : entries_) used += inode->content.size();
  return used;
}

void FakeFileSystem::Apply(const Change& change, std::map<std::string, InodePtr>& entries) const {
  if (!change.from.empty()) entries.erase(change.from);
  if (!change.to.empty()) entries[change.to] = change.inode;
  for (const Change& inner : change.inside) Apply(inner, entries);
}

void FakeFileSystem::Record(Change change) {
  Apply(change, entries_);
  unsynced_.push_back(std::move(change));
}

Result<std::unique_ptr<File>> FakeFileSystem::Open(const std::string& path, OpenMode mode) {
  const Guard guard(mutex_);
  SLUICE_TRY(CheckPower());
  const auto found = entries_.find(path);
  if (found != entries_.end() && !found->second->folder) {
    return std::make_unique<FakeFile>(*this, found->second);
  }
  const auto folder = entries_.find(FolderOf(path));
  const bool in_folder = folder != entries_.end() && folder->second->folder;
  if (mode == OpenMode::kRead || (!in_folder && !FolderOf(path).empty())) return NoSuchFile(path);
  SLUICE_TRY(Begin());
  const auto inode = std::make_shared<Inode>();
  Record({.from = "", .to = path, .inode = inode});
  return std::make_unique<FakeFile>(*this, inode);
}

Result<std::vector<std::string>> FakeFileSystem::List(const std::string& folder) {
  const Guard guard(mutex_);
  SLUICE_TRY(CheckPower());
  std::vector<std::string> names;
  for (const auto& [path, inode] : entries_) {
    if (FolderOf(path) == folder) names.push_back(path.substr(folder.size() + 1));
  }
  return names;
}

Status FakeFileSystem::CreateFolders(const std::string& folder) {
  SLUICE_TRY(Begin());
  const Guard guard(mutex_);
  for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (!entries_.contains(part)) {
      const auto inode = std::make_shared<Inode>();
      inode->folder = true;
      Record({.from = "", .to = part, .inode = inode});
    }
    if (end == std::string::npos) return {};
  }
}

Status FakeFileSystem::DoRename(const std::string& from, const std::string& to, bool replace) {
  SLUICE_TRY(Begin());
  const Guard guard(mutex_);
  const auto found = entries_.find(from);
  if (found == entries_.end()) return NoSuchFile(from);
  if (!replace && entries_.contains(to)) {
    return MakeError(ErrorKind::kConflict, "{} exists already", to).WithCode("EEXIST");
  }
  Change change{.from = from, .to = to, .inode = found->second};
  for (const auto& [path, inode] : entries_) {
    if (path.starts_with(from + "/")) {
      change.inside.push_back({.from = path, .to = to + path.substr(from.size()), .inode = inode});
    }
  }
  Record(std::move(change));
  return {};
}

Status FakeFileSystem::Rename(const std::string& from, const std::string& to) {
  return DoRename(from, to, true);
}

Status FakeFileSystem::RenameNew(const std::string& from, const std::string& to) {
  return DoRename(from, to, false);
}

Status FakeFileSystem::Remove(const std::string& path) {
  SLUICE_TRY(Begin());
  const Guard guard(mutex_);
  if (entries_.contains(path)) Record({.from = path, .to = "", .inode = nullptr});
  return {};
}

Status FakeFileSystem::SyncFolder(const std::string& folder) {
  SLUICE_TRY(BeginSync());
  const Guard guard(mutex_);
  std::erase_if(unsynced_, [&](const Change& change) {
    if (!change.In(folder)) return false;
    Apply(change, durable_entries_);
    return true;
  });
  return {};
}

Result<bool> FakeFileSystem::Exists(const std::string& path) {
  const Guard guard(mutex_);
  SLUICE_TRY(CheckPower());
  return path == "/" || entries_.contains(path);
}

Result<FileInfo> FakeFileSystem::Info(const std::string& path) {
  const Guard guard(mutex_);
  SLUICE_TRY(CheckPower());
  const auto found = entries_.find(path);
  if (found == entries_.end()) return NoSuchFile(path);
  return FileInfo{
      .size = found->second->content.size(), .modified_us = 0, .folder = found->second->folder};
}

Result<std::unique_ptr<FileLock>> FakeFileSystem::Lock(const std::string& path) {
  const Guard guard(mutex_);
  SLUICE_TRY(Open(path, OpenMode::kAppend));
  if (!locks_.insert(path).second) {
    return MakeError(ErrorKind::kConfig, "{} is locked by another process", path)
        .WithCode("EWOULDBLOCK");
  }
  return std::make_unique<FakeLock>(*this, path);
}

Result<uint64_t> FakeFileSystem::FreeBytes(const std::string&) {
  const Guard guard(mutex_);
  SLUICE_TRY(CheckPower());
  return capacity_ - std::min(capacity_, UsedBytes());
}

uint64_t FakeFileSystem::operation_count() const {
  const Guard guard(mutex_);
  return operations_;
}

void FakeFileSystem::SetHook(std::function<void(uint64_t)> hook) {
  const Guard guard(mutex_);
  hook_ = std::move(hook);
}

void FakeFileSystem::FailAt(uint64_t operation, Fault fault) {
  const Guard guard(mutex_);
  faults_[operation] = fault;
}

void FakeFileSystem::FailSyncFrom(uint64_t operation) {
  const Guard guard(mutex_);
  fail_sync_from_ = operation;
}

void FakeFileSystem::StopAt(uint64_t operation) {
  const Guard guard(mutex_);
  stop_at_ = operation;
}

bool FakeFileSystem::powered_off() const {
  const Guard guard(mutex_);
  return off_;
}

bool FakeFileSystem::fault_pending() const {
  const Guard guard(mutex_);
  return faults_.lower_bound(operations_) != faults_.end() || stop_at_ != UINT64_MAX ||
         fail_sync_from_ != UINT64_MAX;
}

void FakeFileSystem::ClearFaults() {
  const Guard guard(mutex_);
  faults_.clear();
  stop_at_ = fail_sync_from_ = UINT64_MAX;
}

void FakeFileSystem::KillProcess() {
  const Guard guard(mutex_);
  ClearFaults();
  off_ = false;
  ++life_;
  locks_.clear();
}

void FakeFileSystem::Crash(uint64_t seed) {
  const Guard guard(mutex_);
  KillProcess();
  std::mt19937_64 random(seed);
  for (const Change& change : unsynced_) {
    if (random() % 2 == 0) Apply(change, durable_entries_);
  }
  unsynced_.clear();
  // An entry whose folder did not survive is out of reach.
  entries_.clear();
  for (const auto& [path, inode] : durable_entries_) {
    const std::string folder = FolderOf(path);
    if (folder.empty() || entries_.contains(folder)) entries_[path] = inode;
  }
  durable_entries_ = entries_;
  for (const auto& [path, inode] : entries_) inode->Crash(random);
}

std::vector<std::string> FakeFileSystem::Paths(const std::string& folder) const {
  const Guard guard(mutex_);
  std::vector<std::string> out;
  for (const auto& [path, inode] : entries_) {
    if (!inode->folder && path.starts_with(folder + "/")) out.push_back(path);
  }
  return out;
}

void FakeFileSystem::Lose(const std::string& folder) {
  const Guard guard(mutex_);
  const auto lost = [&](const std::string& path) {
    return path == folder || path.starts_with(folder + "/");
  };
  for (auto* entries : {&entries_, &durable_entries_}) {
    std::erase_if(*entries, [&](const auto& entry) { return lost(entry.first); });
  }
  std::erase_if(unsynced_, [&](const Change& change) {
    return (!change.to.empty() && lost(change.to)) || (!change.from.empty() && lost(change.from));
  });
}

void FakeFileSystem::CopyTree(const std::string& from, const std::string& to) {
  const Guard guard(mutex_);
  std::map<std::string, InodePtr> copies;
  for (const auto& [path, inode] : entries_) {
    if (path != from && !path.starts_with(from + "/")) continue;
    const auto copy = std::make_shared<Inode>();
    copy->folder = inode->folder;
    copy->content = copy->synced = inode->content;
    copy->kept = copy->content.size();
    copies[to + path.substr(from.size())] = copy;
  }
  for (const auto& [path, inode] : copies) entries_[path] = durable_entries_[path] = inode;
}

void FakeFileSystem::SetCapacity(uint64_t bytes) {
  const Guard guard(mutex_);
  capacity_ = bytes;
}

std::string FakeFileSystem::Content(const std::string& path) const {
  const Guard guard(mutex_);
  const auto found = entries_.find(path);
  return found == entries_.end() ? "" : found->second->content;
}

void FakeFileSystem::SetContent(const std::string& path, std::string content) {
  const Guard guard(mutex_);
  const auto inode = std::make_shared<Inode>();
  inode->content = inode->synced = std::move(content);
  inode->kept = inode->content.size();
  entries_[path] = inode;
  durable_entries_[path] = inode;
}

void FakeFileSystem::FlipBit(const std::string& path, uint64_t bit) {
  const Guard guard(mutex_);
  const auto found = entries_.find(path);
  SLUICE_CHECK(found != entries_.end() && bit / 8 < found->second->content.size());
  Inode& inode = *found->second;
  const auto mask = static_cast<char>(1U << (bit % 8));
  inode.content[bit / 8] = static_cast<char>(inode.content[bit / 8] ^ mask);
  if (bit / 8 < inode.synced.size()) inode.synced[bit / 8] = inode.content[bit / 8];
}

}  // namespace sluice
