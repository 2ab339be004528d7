#pragma once

#include <hiredis/hiredis.h>

/// Connects to 127.0.0.1 or ends the program.
redisContext *connect_to_redis(long port);

/// Loads a script; its SHA-1 goes to `sha`, with a NUL.
void load_script(redisContext *redis, const char *path, char sha[41]);

/// The next answer; an error answer, or none, ends the program. The caller frees it.
redisReply *next_reply(redisContext *redis);

/// One command's arguments. Grows; those it points at stay the caller's.
struct command {
    int count, capacity;
    const char **values;
    size_t *lengths;
};

void add_bytes(struct command *command, const char *bytes, size_t length);
void add_text(struct command *command, const char *text);

/// Puts it into the connection's output buffer and empties it.
void send_command(redisContext *redis, struct command *command);
