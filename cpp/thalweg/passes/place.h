// place: gives every node a device and inserts copies where a value crosses from one to another.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "thalweg/core/device.h"
#include "thalweg/passes/program.h"

namespace thalweg {

struct PlaceOptions {
  std::vector<Device*> devices;  // the first CPU must be devices[0]
  bool soft = false;             // fall back to another device instead of failing
  std::function<bool(const Node&, const Device&)> has_kernel;
  std::function<bool(const Node&, int input)> host_input;  // inputs that live on the host whatever the device
  std::function<void(const Node&, const Device&)> log;     // one call per node, may be empty
};

/// Writes a device into every node; InvalidArgument "Cannot assign a device for operation ..." where a request cannot
/// be met. Comes before folding, so that each of the user's nodes is logged and checked.
void assign_devices(Program& p, const PlaceOptions& options);
/// Fills in Program::devices and inserts _Copy nodes; fetches end on the first CPU.
void insert_copies(Program& p, const PlaceOptions& options);

}  // namespace thalweg
