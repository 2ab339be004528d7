#pragma once

// The reader and the command formatter. The socket is NIO's.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
