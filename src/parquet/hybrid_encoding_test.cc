// Against Parquet's own decoder of levels, which reads the same form.
#include "parquet/hybrid_encoding.h"

#include <gtest/gtest.h>
#include <parquet/column_reader.h>

#include <bit>
#include <random>
#include <vector>

namespace sluice::parquet {
namespace {

std::vector<int16_t> Decoded(const std::string& bytes, int16_t max, size_t count) {
  std::string sized(sizeof(uint32_t), '\0');
  const auto size = static_cast<uint32_t>(bytes.size());
  std::memcpy(sized.data(), &size, sizeof(size));
  sized += bytes;
  ::parquet::LevelDecoder decoder;
  decoder.SetData(::parquet::Encoding::RLE, max, static_cast<int>(count),
                  reinterpret_cast<const uint8_t*>(sized.data()), static_cast<int>(sized.size()));
  std::vector<int16_t> out(count);
  EXPECT_EQ(decoder.Decode(static_cast<int>(count), out.data()), static_cast<int>(count));
  return out;
}

std::string Encoded(const std::vector<int16_t>& values, int width) {
  std::string out;
  AppendHybrid(std::span<const int16_t>(values), width, out);
  return out;
}

// Runs and noise of every length, at every width that a level may have.
TEST(HybridEncoding, IsReadBackByParquetItself) {
  std::mt19937 random(1);
  for (int width = 1; width <= 15; ++width) {
    const auto max = static_cast<int16_t>((1 << width) - 1);
    for (int round = 0; round < 50; ++round) {
      std::vector<int16_t> values;
      while (values.size() < random() % 3000 + 1) {
        const auto value = static_cast<int16_t>(random() % (static_cast<uint32_t>(max) + 1));
        values.insert(values.end(), random() % 2 == 0 ? 1 : random() % 40, value);
        if (values.empty()) values.push_back(max);
      }
      ASSERT_EQ(Decoded(Encoded(values, width), max, values.size()), values) << width;
    }
  }
}

TEST(HybridEncoding, ARunIsAFewBytes) {
  EXPECT_EQ(Encoded(std::vector<int16_t>(20'000, 1), 1).size(), 4U);
  std::string run;
  AppendHybridRun(1, 20'000, 1, run);
  EXPECT_EQ(run, Encoded(std::vector<int16_t>(20'000, 1), 1));
}

TEST(HybridEncoding, NoiseIsPacked) {
  std::vector<int16_t> values;
  for (int i = 0; i < 8000; ++i) values.push_back(static_cast<int16_t>(i % 7));
  const size_t packed = 8000 * 3 / 8;
  EXPECT_GE(Encoded(values, 3).size(), packed);
  EXPECT_LE(Encoded(values, 3).size(), packed + 8000 / 504 + 1);
}

TEST(HybridEncoding, OfNothingIsNothing) { EXPECT_EQ(Encoded({}, 3), ""); }

}  // namespace
}  // namespace sluice::parquet
