// Kernels that cut boxes out of images and resize them. Places are computed as TensorFlow computes them, in float.
#include <algorithm>
#include <cmath>

#include "thalweg/kernels/resize.h"

namespace thalweg::kernels {
namespace {

/// One axis of a box: where the pixels of a crop lie among the `in` pixels of an image.
struct CropAxis {
  int64_t in, out;
  float low, high, step;

  CropAxis(int64_t in, int64_t out, float low, float high)
      : in(in), out(out), low(low), high(high), step(out > 1 ? (high - low) * float(in - 1) / float(out - 1) : 0) {}
  float at(int64_t i) const {
    return out > 1 ? rounded_product(low, float(in - 1)) + rounded_product(float(i), step)
                   : rounded_product(0.5f * (low + high), float(in - 1));
  }
  bool inside(float at) const { return at >= 0 && at <= float(in - 1); }
  /// How much at(i) moves with `low` and with `high`.
  std::pair<float, float> moves(int64_t i) const {
    if (out == 1) return {0.5f * float(in - 1), 0.5f * float(in - 1)};
    float share = float(i) * float(in - 1) / float(out - 1);
    return {float(in - 1) - share, share};
  }
};

/// The boxes of a node and the crops' sizes.
struct Boxes {
  const float* boxes;
  const int32_t* index;
  int64_t count, images;
  int64_t in_height, in_width, height, width, channels;

  Boxes(const Tensor& boxes, const Tensor& index, const Shape& image, const Shape& crops)
      : boxes(boxes.ptr<float>()),
        index(index.ptr<int32_t>()),
        count(boxes.dim(0)),
        images(image[0]),
        in_height(image[1]),
        in_width(image[2]),
        height(crops[1]),
        width(crops[2]),
        channels(image[3]) {
    TW_CHECK(in_height > 0 && in_width > 0, "image dimensions must be positive, got ", image);
    for (int64_t b = 0; b < count; ++b) {
      if (this->index[b] < 0 || this->index[b] >= images) {
        TW_FAIL(OutOfRange, "box_index has values outside [0, batch_size): ", this->index[b], " of ", images);
      }
    }
  }
  CropAxis rows(int64_t b) const { return {in_height, height, boxes[4 * b], boxes[4 * b + 2]}; }
  CropAxis cols(int64_t b) const { return {in_width, width, boxes[4 * b + 1], boxes[4 * b + 3]}; }
  /// Where channel 0 of a pixel of an image is.
  int64_t pixel(int64_t image, int64_t row, int64_t col) const {
    return ((image * in_height + row) * in_width + col) * channels;
  }
};

/// The four pixels around a place, the last two shares of the lower and the right ones.
struct Around {
  int64_t top_left, top_right, bottom_left, bottom_right;
  float down, right;

  Around(const Boxes& b, int64_t image, float y, float x) : down(y - std::floor(y)), right(x - std::floor(x)) {
    auto top = int64_t(std::floor(y)), bottom = int64_t(std::ceil(y)), left = int64_t(std::floor(x)),
         end = int64_t(std::ceil(x));
    top_left = b.pixel(image, top, left);
    top_right = b.pixel(image, top, end);
    bottom_left = b.pixel(image, bottom, left);
    bottom_right = b.pixel(image, bottom, end);
  }
};

/// f(box, row, column, y, x) for the pixels of boxes [begin, end) that lie inside of their image, outside(box, row,
/// column) for the others.
template <class F, class G>
void each_pixel(const Boxes& boxes, int64_t begin, int64_t end, F&& f, G&& outside) {
  for (int64_t b = begin; b < end; ++b) {
    CropAxis rows = boxes.rows(b), cols = boxes.cols(b);
    for (int64_t i = 0; i < boxes.height; ++i) {
      float y = rows.at(i);
      for (int64_t j = 0; j < boxes.width; ++j) {
        float x = cols.at(j);
        if (rows.inside(y) && cols.inside(x))
          f(b, i, j, y, x);
        else
          outside(b, i, j);
      }
    }
  }
}

int64_t nearest(const Boxes& boxes, int64_t image, float y, float x) {
  return boxes.pixel(image, int64_t(std::round(y)), int64_t(std::round(x)));
}

template <class T>
struct CropAndResize {
  bool bilinear;
  float elsewhere;
  explicit CropAndResize(const KernelInit& init)
      : bilinear(init.attr<std::string>("method") == "bilinear"), elsewhere(init.attr<float>("extrapolation_value")) {}
  void operator()(KernelContext& k) const {
    if (k.out(0).size() == 0) return;
    const Shape& to = k.out(0).shape();
    Boxes boxes(k.in(1), k.in(2), k.in(0).shape(), to);
    const T* image = k.in<T>(0);
    float* out = k.out<float>(0);
    int64_t channels = boxes.channels, crop = to[1] * to[2] * channels;
    auto place = [&](int64_t b, int64_t i, int64_t j) { return out + b * crop + (i * to[2] + j) * channels; };
    k.parallel_for(boxes.count, 5.0 * double(crop), [&](int64_t begin, int64_t end) {
      each_pixel(
          boxes, begin, end,
          [&](int64_t b, int64_t i, int64_t j, float y, float x) {
            float* p = place(b, i, j);
            if (!bilinear) {
              const T* from = image + nearest(boxes, boxes.index[b], y, x);
              for (int64_t c = 0; c < channels; ++c) p[c] = float(from[c]);
              return;
            }
            Around a(boxes, boxes.index[b], y, x);
            for (int64_t c = 0; c < channels; ++c) {
              float e = float(image[a.top_left + c]), f = float(image[a.top_right + c]);
              float g = float(image[a.bottom_left + c]), h = float(image[a.bottom_right + c]);
              float upper = e + (f - e) * a.right, lower = g + (h - g) * a.right;
              p[c] = upper + (lower - upper) * a.down;
            }
          },
          [&](int64_t b, int64_t i, int64_t j) { std::fill_n(place(b, i, j), channels, elsewhere); });
    });
  }
};

template <class T>
struct CropAndResizeGradImage {
  bool bilinear;
  explicit CropAndResizeGradImage(const KernelInit& init) : bilinear(init.attr<std::string>("method") == "bilinear") {}
  void operator()(KernelContext& k) const {
    using Sum = std::conditional_t<sizeof(T) == 8, double, float>;
    Tensor& out = k.out(0);
    std::fill_n(out.ptr<T>(), out.size(), T(0));
    if (out.size() == 0 || k.in(0).size() == 0) return;
    Boxes boxes(k.in(1), k.in(2), out.shape(), k.in(0).shape());
    std::vector<Sum> sums(static_cast<size_t>(out.size()));
    const float* dy = k.in<float>(0);
    // Boxes may overlap: their gradients are added in order, on one thread.
    each_pixel(
        boxes, 0, boxes.count,
        [&](int64_t b, int64_t i, int64_t j, float y, float x) {
          const float* d = dy + ((b * boxes.height + i) * boxes.width + j) * boxes.channels;
          if (!bilinear) {
            int64_t at = nearest(boxes, boxes.index[b], y, x);
            for (int64_t c = 0; c < boxes.channels; ++c) sums[size_t(at + c)] += Sum(d[c]);
            return;
          }
          Around a(boxes, boxes.index[b], y, x);
          Sum down = a.down, right = a.right;
          for (int64_t c = 0; c < boxes.channels; ++c) {
            sums[size_t(a.top_left + c)] += Sum(d[c]) * (1 - down) * (1 - right);
            sums[size_t(a.top_right + c)] += Sum(d[c]) * (1 - down) * right;
            sums[size_t(a.bottom_left + c)] += Sum(d[c]) * down * (1 - right);
            sums[size_t(a.bottom_right + c)] += Sum(d[c]) * down * right;
          }
        },
        [](int64_t, int64_t, int64_t) {});
    for (int64_t i = 0; i < out.size(); ++i) out.ptr<T>()[i] = T(sums[size_t(i)]);
  }
};

template <class T>
struct CropAndResizeGradBoxes {
  void operator()(KernelContext& k) const {
    float* out = k.out<float>(0);
    std::fill_n(out, k.out(0).size(), 0.0f);
    if (k.out(0).size() == 0 || k.in(0).size() == 0) return;
    Boxes boxes(k.in(2), k.in(3), k.in(1).shape(), k.in(0).shape());
    const float* dy = k.in<float>(0);
    const T* image = k.in<T>(1);
    k.parallel_for(boxes.count, 5.0 * double(k.in(0).size() / boxes.count), [&](int64_t begin, int64_t end) {
      each_pixel(
          boxes, begin, end,
          [&](int64_t b, int64_t i, int64_t j, float y, float x) {
            const float* d = dy + ((b * boxes.height + i) * boxes.width + j) * boxes.channels;
            Around a(boxes, boxes.index[b], y, x);
            float by_y = 0, by_x = 0;
            for (int64_t c = 0; c < boxes.channels; ++c) {
              float e = float(image[a.top_left + c]), f = float(image[a.top_right + c]);
              float g = float(image[a.bottom_left + c]), h = float(image[a.bottom_right + c]);
              by_y += d[c] * ((1 - a.right) * (g - e) + a.right * (h - f));
              by_x += d[c] * ((1 - a.down) * (f - e) + a.down * (h - g));
            }
            auto [y1, y2] = boxes.rows(b).moves(i);
            auto [x1, x2] = boxes.cols(b).moves(j);
            out[4 * b] += by_y * y1;
            out[4 * b + 1] += by_x * x1;
            out[4 * b + 2] += by_y * y2;
            out[4 * b + 3] += by_x * x2;
          },
          [](int64_t, int64_t, int64_t) {});
    });
  }
};

}  // namespace

void register_crop(KernelRegistry& r) {
  r.add_all<CropAndResize, kPixels>("CropAndResize", kCpu);
  r.add<CropAndResizeGradImage, half, float, double>("CropAndResizeGradImage", kCpu);
  r.add_all<CropAndResizeGradBoxes, kPixels>("CropAndResizeGradBoxes", kCpu);
}

}  // namespace thalweg::kernels
