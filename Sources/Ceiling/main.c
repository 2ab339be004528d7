#include "ceiling.h"

#include <stdio.h>
#include <string.h>

static const char USAGE[] =
    "usage: cardume-ceiling append --script FILE [--port 6379] [--partitions 64] [--conversations 15000]\n"
    "                              [--messages 100000] [--batch 1] [--pipeline 64] [--first-id 1]\n"
    "       cardume-ceiling drain --settle-script FILE [--port 6379] [--partitions 64] [--count 512] [--settle-batch 128]\n"
    "       cardume-ceiling pg-turns --url URL [--turns 100000] [--batch 100] [--pipeline 4] [--conversations 15000]\n"
    "                              [--first-id 1] [--port PORT] [--turn-sql SQL] [--message-sql SQL]\n"
    "                              [--conversation-sql SQL]\n";

int main(int argc, char **argv) {
    if (argc > 1) {
        if (strcmp(argv[1], "append") == 0) return run_append(argc - 2, argv + 2);
        if (strcmp(argv[1], "drain") == 0) return run_drain(argc - 2, argv + 2);
        if (strcmp(argv[1], "pg-turns") == 0) return run_turns(argc - 2, argv + 2);
    }
    fputs(USAGE, stderr);
    return 64;
}
