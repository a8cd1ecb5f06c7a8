// The record layouts of manifest lists and manifests, format v2 (Iceberg spec, "Manifests" and
// "Manifest Lists"): stated once as Iceberg schemas, from which the Avro schemas follow.
#pragma once

#include <string>

#include "iceberg/json.h"

namespace sluice::iceberg {

// Iceberg JSON, as the header's `iceberg.schema` carries it.
const Json& ManifestListSchema();
const Json& ManifestEntrySchema();

// The Avro form of an Iceberg struct (spec, Appendix A "Avro"): every field with its id, optional
// ones as a union with null, int-keyed maps as arrays of key and value, inner records named after
// the id of the field that holds them.
Json ToAvroSchema(const Json& iceberg_struct, const std::string& record_name);

// What the headers carry as `avro.schema`.
const std::string& ManifestListAvroSchema();
const std::string& ManifestEntryAvroSchema();

}  // namespace sluice::iceberg
