// The changes of a window, folded per row: which versions are to be written, which stored rows are
// gone. Holds the batches; knows nothing of files beyond the locations it is told.
//
// A row is followed along its chain: a change of key takes the row from its old key and puts it
// under the new one. With an immediate unique key at most one row stands under a key at any moment.
// With a deferrable one (possible under REPLICA IDENTITY FULL only: Postgres takes no deferrable
// index as an identity) several may, until the transaction ends; then the row that was written
// longest ago is the next to be taken. That is right for swaps (1->2, 2->1) and shifts (id + 1),
// where the key alone tells.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "change/change_batch.h"
#include "merge/key_index.h"

namespace sluice::merge {

struct KeyRef {
  Fingerprint fingerprint = 0;
  std::string_view bytes;  // normalised
};

// Finds and deletes a stored row at once, for keys under which several rows may stand.
class StoredRowTaker {
 public:
  virtual ~StoredRowTaker() = default;
  virtual Result<std::optional<RowLocation>> Take(const KeyRef& key, FindMode mode) = 0;
};

class Fold {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Where unsent values of a version come from.
  enum class Origin : uint8_t { kNothing, kVersion, kStored };
  struct Version {
    uint32_t batch = 0;
    uint32_t row = 0;
    uint32_t older = kNone;  // version or stored row, as `origin` says
    uint32_t next = kNone;   // written later under the same key
    uint32_t key = 0;
    Origin origin = Origin::kNothing;
    bool live = false;  // to be written
  };
  // A row of a data file that the window deleted.
  struct StoredRow {
    uint32_t key = 0;
    std::optional<RowLocation> at;  // absent: still to be found, and deleted, by its key
  };
  struct Batch {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::shared_ptr<arrow::Buffer> unsent;
    bool IsUnsent(uint32_t row, int column) const;
    bool AnyUnsent(uint32_t row) const;
  };

  // `taker`: null where a key is unique at every moment. It outlives this.
  explicit Fold(StoredRowTaker* taker) : taker_(taker) {}

  // Rows of the following changes are rows of this batch.
  void Hold(const ChangeBatch& batch);
  // kCorrupt: a row that must exist does not, or one exists that must not.
  Status Insert(const KeyRef& key, uint32_t row);
  Status Update(const KeyRef& from, const KeyRef& to, uint32_t row);
  Status Delete(const KeyRef& key);
  void Clear();

  bool empty() const { return versions_.empty() && stored_.empty(); }
  // Of batches and of what is known of them.
  uint64_t memory_bytes() const;

  const std::vector<Batch>& batches() const { return batches_; }
  const std::vector<Version>& versions() const { return versions_; }  // in order of writing
  std::vector<StoredRow>& stored() { return stored_; }
  const std::vector<StoredRow>& stored() const { return stored_; }
  KeyRef key(uint32_t index) const;

 private:
  enum class Base : uint8_t {
    kUntouched,  // a stored row may stand under the key
    kTaken,      // it did and is gone; with a taker there may be more
    kAbsent,
  };
  struct Key {
    Fingerprint fingerprint = 0;
    size_t offset = 0;  // in key_bytes_
    uint32_t size = 0;
    uint32_t front = kNone;  // versions under this key, written longest ago first
    uint32_t back = kNone;
    Base base = Base::kUntouched;
  };
  struct Link {
    Origin origin = Origin::kNothing;
    uint32_t index = kNone;
  };

  uint32_t FindOrAddKey(const KeyRef& key);
  void GrowSlots();
  Result<Link> TakeRow(uint32_t key);
  Result<std::optional<Link>> TakeStored(uint32_t key);
  Link AddStored(uint32_t key, std::optional<RowLocation> at);
  Status Put(uint32_t key, uint32_t row, Link older);

  StoredRowTaker* taker_;
  std::vector<Batch> batches_;
  uint64_t batch_bytes_ = 0;
  std::vector<Version> versions_;
  std::vector<StoredRow> stored_;
  std::vector<Key> keys_;
  std::string key_bytes_;
  std::vector<uint32_t> slots_;  // open addressing over keys_, kNone is free
};

}  // namespace sluice::merge
