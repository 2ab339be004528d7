// Puts messages into the partition logs with append.lua, a batch per call, several calls in flight.
#include "ceiling.h"
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>

struct message {
    const struct conversation *conversation;
    char id[24], at[16], sent[16], trace[33];
    char seen_key[128], conversation_key[96];
};

/// Messages of one partition that wait for their call to be full.
struct batch {
    long count;
    struct message *messages;
};

static struct {
    redisContext *redis;
    char sha[41];
    struct command command;
} run;

static void fill(struct message *message, const struct conversation *conversation, long id) {
    int64_t now = wall_milliseconds();
    message->conversation = conversation;
    snprintf(message->id, sizeof message->id, "3EB0%016lX", id);
    snprintf(message->at, sizeof message->at, "%lld", (long long)now);
    snprintf(message->sent, sizeof message->sent, "%lld", (long long)now / 1000);
    snprintf(message->trace, sizeof message->trace, "%016lx%016llx", id, (long long)now);
    snprintf(message->seen_key, sizeof message->seen_key, "cardume:{%u}:seen:%s:%s", conversation->partition,
        conversation->id, message->id);
    snprintf(message->conversation_key, sizeof message->conversation_key, "cardume:{%u}:conv:%s", conversation->partition,
        conversation->id);
}

static void call(struct batch *batch) {
    struct command *command = &run.command;
    char log[64], keys[16];
    snprintf(log, sizeof log, "cardume:{%u}:log:" ASSISTANT, batch->messages[0].conversation->partition);
    snprintf(keys, sizeof keys, "%ld", 1 + 2 * batch->count);
    add_text(command, "EVALSHA");
    add_bytes(command, run.sha, 40);
    add_text(command, keys);
    add_text(command, log);
    for (long i = 0; i < batch->count; i++) {
        add_text(command, batch->messages[i].seen_key);
        add_text(command, batch->messages[i].conversation_key);
    }
    add_text(command, "1");            // assistants named
    add_text(command, "1");            // of them served
    add_text(command, "86400000");     // deduplication window
    add_text(command, "86400000");     // session
    add_text(command, ASSISTANT);
    for (long i = 0; i < batch->count; i++) {
        const struct message *it = &batch->messages[i];
        const char *values[] = {
            it->at, "1", "1", "18",
            "conv", it->conversation->id, "id", it->id, "kind", "text", "text", MESSAGE_TEXT, "at", it->at,
            "to", it->conversation->reply_to, "trace", it->trace, "sent", it->sent, "name", it->conversation->contact_name,
        };
        for (size_t value = 0; value < sizeof values / sizeof *values; value++) add_text(command, values[value]);
    }
    send_command(run.redis, command);
    batch->count = 0;
}

/// Takes the answer to one call; returns how many messages it appended.
static long take_answer(void) {
    redisReply *reply = next_reply(run.redis);
    if (reply->type != REDIS_REPLY_ARRAY) fail("the append script answered no array");
    for (size_t i = 0; i < reply->elements; i += 2) {
        if (reply->element[i]->integer != 1) fail("a message was seen before; use another --first-id");
    }
    long appended = (long)reply->elements / 2;
    freeReplyObject(reply);
    return appended;
}

int run_append(int argc, char **argv) {
    const char *script = NULL;
    long port = 6379, partitions = 64, conversations = 15000, messages = 100000, size = 1, window = 64, first_id = 1;
    const struct option_spec specs[] = {
        {"--script", &script, NULL}, {"--port", NULL, &port}, {"--partitions", NULL, &partitions},
        {"--conversations", NULL, &conversations}, {"--messages", NULL, &messages}, {"--batch", NULL, &size},
        {"--pipeline", NULL, &window}, {"--first-id", NULL, &first_id},
    };
    read_options(argc, argv, specs, sizeof specs / sizeof *specs);
    struct conversation *all = make_conversations(conversations, partitions);
    struct batch *batches = allocate((size_t)partitions, sizeof *batches);
    for (long i = 0; i < partitions; i++) batches[i].messages = allocate((size_t)size, sizeof *batches[i].messages);
    run.redis = connect_to_redis(port);
    load_script(run.redis, script, run.sha);

    double begin = seconds_now();
    long in_flight = 0, appended = 0;
    for (long i = 0; i < messages + partitions; i++) {
        struct batch *batch;
        if (i < messages) {
            const struct conversation *conversation = &all[i % conversations];
            batch = &batches[conversation->partition];
            fill(&batch->messages[batch->count++], conversation, first_id + i);
            if (batch->count < size) continue;
        } else {
            batch = &batches[i - messages];
            if (batch->count == 0) continue;
        }
        // Half the window at a time: so that writes to the socket, too, come in batches.
        if (in_flight == window) {
            for (; in_flight > window / 2; in_flight--) appended += take_answer();
        }
        call(batch);
        in_flight++;
    }
    for (; in_flight > 0; in_flight--) appended += take_answer();
    report("append", appended, seconds_now() - begin);

    redisFree(run.redis);
    for (long i = 0; i < partitions; i++) free(batches[i].messages);
    free(batches);
    free(all);
    return appended == messages ? 0 : 1;
}
