#include "thalweg/core/buffer.h"

namespace thalweg {

BufferRef BufferRef::allocate(size_t bytes, Device& device) {
  auto* b = new Buffer();
  b->bytes_ = bytes;
  b->device_ = &device;
  BufferRef owner(b);  // released if allocate throws
  b->data_ = device.allocate(bytes);
  return owner;
}

BufferRef BufferRef::adopt(void* data, size_t bytes, Device& device, Buffer::Release release, void* context) {
  auto* b = new Buffer();
  b->data_ = data;
  b->bytes_ = bytes;
  b->device_ = &device;
  b->release_ = release;
  b->context_ = context;
  return BufferRef(b);
}

void Buffer::destroy() noexcept {
  if (release_) {
    release_(context_);
  } else if (data_) {
    device_->deallocate(data_, bytes_);
  }
  delete this;
}

}  // namespace thalweg
