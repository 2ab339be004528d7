#pragma once

// Linked, it is the allocator of the whole process; called, it tells what it did.
#include <jemalloc/jemalloc.h>
