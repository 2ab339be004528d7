// cardume-ceiling: what a program without a runtime reaches with the same commands on the same servers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Subcommands; each prints one line of JSON and returns the exit status.

int run_append(int argc, char **argv);
int run_drain(int argc, char **argv);
int run_turns(int argc, char **argv);

// MARK: Options (options.c)

struct option_spec {
    const char *name;      // with its dashes
    const char **text;     // where a text goes, or NULL
    long *number;          // where a number goes, or NULL; from 1
};

/// Reads `--name value` pairs; ends the program with a message when it does not know one, or when a text has stayed NULL.
void read_options(int argc, char **argv, const struct option_spec *specs, size_t count);

/// Ends the program.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// `malloc` that does not return NULL.
void *allocate(size_t count, size_t size);

/// A whole file, NUL-terminated; the caller frees it.
char *read_file(const char *path, size_t *length);

// MARK: Measuring (report.c)

/// Seconds of the monotonic clock.
double seconds_now(void);

/// Milliseconds since 1970.
int64_t wall_milliseconds(void);

/// The line of JSON. CPU is that of the process so far.
void report(const char *name, long messages, double seconds);

// MARK: Messages (messages.c)

/// CRC-32 as in zlib.
uint32_t crc32_of(const char *text, size_t length);

#define CHANNEL "loja"
#define ASSISTANT "suporte"

/// Of the same length for all messages, so that an entry comes to about 300 bytes.
extern const char MESSAGE_TEXT[];

struct conversation {
    char id[40];           // <channel>:<contact>
    char reply_to[48];
    char contact_name[24];
    unsigned partition;
};

/// `count` conversations with their partitions; the caller frees them.
struct conversation *make_conversations(long count, long partitions);
