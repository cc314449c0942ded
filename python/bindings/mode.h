// Whether ops run when they are called or become nodes of a graph: a default for the process, and what a thread says
// otherwise while it is inside a graph (or has left one for a while).
#pragma once

namespace thalweg::python {

bool executing_eagerly();

}  // namespace thalweg::python
