#include "merge/fold.h"

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/bit_util.h>

#include <utility>

namespace sluice::merge {

namespace {
constexpr size_t kSlotsMin = 256;
}

bool Fold::Batch::IsUnsent(uint32_t row, int column) const {
  if (unsent == nullptr) return false;
  return arrow::bit_util::GetBit(unsent->data(), int64_t{row} * rows->num_columns() + column);
}

bool Fold::Batch::AnyUnsent(uint32_t row) const {
  if (unsent == nullptr) return false;
  for (int column = 0; column < rows->num_columns(); ++column) {
    if (IsUnsent(row, column)) return true;
  }
  return false;
}

void Fold::Hold(const ChangeBatch& batch) {
  batches_.push_back({batch.rows, batch.unsent});
  batch_bytes_ += static_cast<uint64_t>(batch.MemoryBytes());
}

void Fold::Clear() {
  batches_.clear();
  batch_bytes_ = 0;
  versions_.clear();
  stored_.clear();
  keys_.clear();
  key_bytes_.clear();
  slots_.clear();
}

uint64_t Fold::memory_bytes() const {
  return batch_bytes_ + versions_.size() * sizeof(Version) + stored_.size() * sizeof(StoredRow) +
         keys_.size() * sizeof(Key) + key_bytes_.size() + slots_.size() * sizeof(uint32_t);
}

KeyRef Fold::key(uint32_t index) const {
  const Key& key = keys_[index];
  return {key.fingerprint, std::string_view(key_bytes_).substr(key.offset, key.size)};
}

uint32_t Fold::FindOrAddKey(const KeyRef& wanted) {
  if ((keys_.size() + 1) * 2 > slots_.size()) GrowSlots();
  size_t at = wanted.fingerprint & (slots_.size() - 1);
  for (; slots_[at] != kNone; at = (at + 1) & (slots_.size() - 1)) {
    const KeyRef here = key(slots_[at]);
    if (here.fingerprint == wanted.fingerprint && here.bytes == wanted.bytes) return slots_[at];
  }
  Key added;
  added.fingerprint = wanted.fingerprint;
  added.offset = key_bytes_.size();
  added.size = static_cast<uint32_t>(wanted.bytes.size());
  key_bytes_.append(wanted.bytes);
  slots_[at] = static_cast<uint32_t>(keys_.size());
  keys_.push_back(added);
  return slots_[at];
}

void Fold::GrowSlots() {
  slots_.assign(std::max(kSlotsMin, slots_.size() * 2), kNone);
  for (uint32_t i = 0; i < keys_.size(); ++i) {
    size_t at = keys_[i].fingerprint & (slots_.size() - 1);
    while (slots_[at] != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = i;
  }
}

Status Fold::Insert(const KeyRef& key, uint32_t row) { return Put(FindOrAddKey(key), row, {}); }

Status Fold::Update(const KeyRef& from, const KeyRef& to, uint32_t row) {
  SLUICE_LET(const Link old, TakeRow(FindOrAddKey(from)));
  return Put(FindOrAddKey(to), row, old);
}

Status Fold::Delete(const KeyRef& key) {
  SLUICE_TRY(TakeRow(FindOrAddKey(key)));
  return {};
}

// Stored rows are older than any version of this fold, so they go first.
Result<Fold::Link> Fold::TakeRow(uint32_t index) {
  SLUICE_LET(const std::optional<Link> stored, TakeStored(index));
  if (stored) return *stored;
  Key& key = keys_[index];
  if (key.front == kNone) {
    return MakeError(ErrorKind::kCorrupt, "a change names a row that does not exist");
  }
  const uint32_t taken = key.front;
  versions_[taken].live = false;
  key.front = versions_[taken].next;
  if (key.front == kNone) key.back = kNone;
  return Link{Origin::kVersion, taken};
}

Result<std::optional<Fold::Link>> Fold::TakeStored(uint32_t index) {
  const Base base = keys_[index].base;
  const bool alone = keys_[index].front == kNone;
  if (base == Base::kAbsent) return std::nullopt;
  if (taker_ == nullptr) {
    if (base == Base::kTaken || !alone) return std::nullopt;
    keys_[index].base = Base::kTaken;
    return AddStored(index, std::nullopt);
  }
  const bool must_exist = base == Base::kUntouched && alone;
  SLUICE_LET(const std::optional<RowLocation> at,
             taker_->Take(key(index), must_exist ? FindMode::kExists : FindMode::kMayBeAbsent));
  keys_[index].base = at ? Base::kTaken : Base::kAbsent;
  if (!at) return std::nullopt;
  return AddStored(index, at);
}

Fold::Link Fold::AddStored(uint32_t key, std::optional<RowLocation> at) {
  stored_.push_back({key, at});
  return {Origin::kStored, static_cast<uint32_t>(stored_.size() - 1)};
}

Status Fold::Put(uint32_t index, uint32_t row, Link older) {
  Key& key = keys_[index];
  if (taker_ == nullptr) {
    if (key.front != kNone) {
      return MakeError(ErrorKind::kCorrupt, "a change makes a key that exists already");
    }
    if (key.base == Base::kUntouched) key.base = Base::kAbsent;
  }
  const auto added = static_cast<uint32_t>(versions_.size());
  Version version;
  version.batch = static_cast<uint32_t>(batches_.size() - 1);
  version.row = row;
  version.key = index;
  version.live = true;
  if (batches_.back().AnyUnsent(row)) {
    version.origin = older.origin;
    version.older = older.index;
  }
  versions_.push_back(version);
  (key.back == kNone ? key.front : versions_[key.back].next) = added;
  key.back = added;
  return {};
}

}  // namespace sluice::merge
