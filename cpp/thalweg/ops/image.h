// What the files of image ops share.
#pragma once

#include "thalweg/graph/grad.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {

inline constexpr DTypeSet kPixels = kReal - DTypeSet{DType::uint32, DType::uint64};

/// Images of input 0 with the height and width that input 1 asks for.
void infer_resize(Infer& s);
/// The gradient at input 0 of images of input 1.
void infer_resize_grad(Infer& s);
/// Height and width of x, as a vector.
Out sides(const Out& x);
/// align_corners and half_pixel_centers of a node.
Attrs resize_modes(Grad& g);

// Parts of the family that have files of their own; called by register_image.
void register_resample(OpRegistry& r);
void register_crop(OpRegistry& r);

}  // namespace thalweg::ops
