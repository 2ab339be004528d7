#include "redis.h"
#include "ceiling.h"

#include <stdlib.h>
#include <string.h>

redisContext *connect_to_redis(long port) {
    redisContext *redis = redisConnect("127.0.0.1", (int)port);
    if (redis == NULL || redis->err != 0) fail("cannot connect to 127.0.0.1:%ld: %s", port, redis ? redis->errstr : "no memory");
    return redis;
}

void load_script(redisContext *redis, const char *path, char sha[41]) {
    size_t length;
    char *script = read_file(path, &length);
    redisAppendCommand(redis, "SCRIPT LOAD %b", script, length);
    redisReply *reply = next_reply(redis);
    if (reply->type != REDIS_REPLY_STRING || reply->len != 40) fail("SCRIPT LOAD answered something else than a SHA-1");
    memcpy(sha, reply->str, 41);
    freeReplyObject(reply);
    free(script);
}

redisReply *next_reply(redisContext *redis) {
    void *reply;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail("Redis: %s", redis->errstr);
    redisReply *it = reply;
    if (it->type == REDIS_REPLY_ERROR) fail("Redis answered: %s", it->str);
    return it;
}

void add_bytes(struct command *command, const char *bytes, size_t length) {
    if (command->count == command->capacity) {
        command->capacity = command->capacity ? command->capacity * 2 : 64;
        size_t capacity = (size_t)command->capacity;
        command->values = realloc(command->values, capacity * sizeof *command->values);
        command->lengths = realloc(command->lengths, capacity * sizeof *command->lengths);
        if (command->values == NULL || command->lengths == NULL) fail("out of memory");
    }
    command->values[command->count] = bytes;
    command->lengths[command->count++] = length;
}

void add_text(struct command *command, const char *text) {
    add_bytes(command, text, strlen(text));
}

void send_command(redisContext *redis, struct command *command) {
    if (redisAppendCommandArgv(redis, command->count, command->values, command->lengths) != REDIS_OK) {
        fail("cannot format a command: %s", redis->errstr);
    }
    command->count = 0;
}
