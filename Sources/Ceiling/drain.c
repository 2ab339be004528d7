// Reads all partition logs from their beginning, touches every field, and settles what it has read, until they are empty.
#include "ceiling.h"
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// A command whose answer is still to come, in the order in which they were sent.
struct expected {
    enum { READ, SETTLE } kind;
    unsigned partition;
};

struct partition {
    char log[64], fence[64];
    char cursor[40];                   // of XRANGE: "-", or "(" and the id that was read last
};

static struct {
    redisContext *redis;
    char sha[41], count[16];
    long settle_batch;
    struct partition *partitions;
    struct expected *queue;            // a ring
    size_t head, length, capacity;
    struct command command;
    long settled;
    uint64_t touched;                  // bytes of fields and values
} run;

static void expect(int kind, unsigned partition) {
    if (run.length == run.capacity) fail("more commands in flight than planned for");
    struct expected *slot = &run.queue[(run.head + run.length++) % run.capacity];
    slot->kind = kind;
    slot->partition = partition;
}

static void read_on(unsigned number) {
    const struct partition *partition = &run.partitions[number];
    const char *arguments[] = {"XRANGE", partition->log, partition->cursor, "+", "COUNT", run.count};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) add_text(&run.command, arguments[i]);
    send_command(run.redis, &run.command);
    expect(READ, number);
}

static void settle(unsigned number, redisReply **entries, size_t count) {
    const char *arguments[] = {"EVALSHA", run.sha, "2", run.partitions[number].log, run.partitions[number].fence, "1"};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) add_text(&run.command, arguments[i]);
    for (size_t i = 0; i < count; i++) {
        const redisReply *id = entries[i]->element[0];
        add_bytes(&run.command, id->str, (size_t)id->len);
    }
    send_command(run.redis, &run.command);
    expect(SETTLE, number);
}

static void take_entries(unsigned number, const redisReply *entries) {
    if (entries->elements == 0) return;
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *fields = entries->element[i]->element[1];
        for (size_t field = 0; field < fields->elements; field++) run.touched += (uint64_t)fields->element[field]->len;
    }
    const redisReply *last = entries->element[entries->elements - 1]->element[0];
    snprintf(run.partitions[number].cursor, sizeof run.partitions[number].cursor, "(%s", last->str);
    for (size_t i = 0; i < entries->elements; i += (size_t)run.settle_batch) {
        size_t rest = entries->elements - i;
        settle(number, entries->element + i, rest < (size_t)run.settle_batch ? rest : (size_t)run.settle_batch);
    }
    read_on(number);
}

static void take_answers(void) {
    while (run.length > 0) {
        struct expected next = run.queue[run.head];
        run.head = (run.head + 1) % run.capacity;
        run.length--;
        redisReply *reply = next_reply(run.redis);
        if (next.kind == READ) {
            take_entries(next.partition, reply);
        } else {
            if (reply->integer < 0) fail("partition %u has a later owner", next.partition);
            run.settled += (long)reply->integer;
        }
        freeReplyObject(reply);
    }
}

int run_drain(int argc, char **argv) {
    const char *script = NULL;
    long port = 6379, partitions = 64, count = 512;
    run.settle_batch = 128;
    const struct option_spec specs[] = {
        {"--settle-script", &script, NULL}, {"--port", NULL, &port}, {"--partitions", NULL, &partitions},
        {"--count", NULL, &count}, {"--settle-batch", NULL, &run.settle_batch},
    };
    read_options(argc, argv, specs, sizeof specs / sizeof *specs);
    if (run.settle_batch > 1000) fail("--settle-batch is at most 1000");
    snprintf(run.count, sizeof run.count, "%ld", count);
    run.partitions = allocate((size_t)partitions, sizeof *run.partitions);
    // Of each partition one read and the settles of the one before.
    run.capacity = (size_t)partitions * (size_t)(2 + count / run.settle_batch);
    run.queue = allocate(run.capacity, sizeof *run.queue);
    run.redis = connect_to_redis(port);
    load_script(run.redis, script, run.sha);

    double begin = seconds_now();
    for (unsigned i = 0; i < (unsigned)partitions; i++) {
        snprintf(run.partitions[i].log, sizeof run.partitions[i].log, "cardume:{%u}:log:" ASSISTANT, i);
        snprintf(run.partitions[i].fence, sizeof run.partitions[i].fence, "cardume:{%u}:fence:" ASSISTANT, i);
        strcpy(run.partitions[i].cursor, "-");
        read_on(i);
    }
    take_answers();
    report("drain", run.settled, seconds_now() - begin);
    if (run.settled > 0 && run.touched == 0) fail("the entries have no fields");

    redisFree(run.redis);
    free(run.queue);
    free(run.partitions);
    return 0;
}
