// Journals turns without replies, the plain way: three prepared statements per turn, one transaction per batch, pipelined.
#include "ceiling.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The only place that knows the schema. Parameters, of which a statement uses the first few:
//   $1 conversation (text)  $2 message id (text)  $3 assistant (text)  $4 attempt (integer)
//   $5 started, $6 finished (bigint, milliseconds since 1970)
//   $7 kind (text)  $8 sent (bigint, seconds since 1970)  $9 what was said (bytea, UTF-8)
static const char TURN_SQL[] =
    "INSERT INTO cardume.turns (conversation, turn, assistant, attempt, started_at, finished_at) "
    "VALUES ($1, $2, $3, $4, to_timestamp($5 / 1000.0), to_timestamp($6 / 1000.0))";
static const char MESSAGE_SQL[] =
    "INSERT INTO cardume.messages (at, conversation, role, message_id, kind, sent_at, text) "
    "VALUES (to_timestamp($6 / 1000.0), $1, 'contact', $2, $7, $8, $9)";
static const char CONVERSATION_SQL[] =
    "INSERT INTO cardume.conversations AS c (conversation, assistant, turns, first_at, latest_at) "
    "VALUES ($1, $3, 1, to_timestamp($5 / 1000.0), to_timestamp($6 / 1000.0)) ON CONFLICT (conversation) DO UPDATE "
    "SET assistant = excluded.assistant, turns = c.turns + 1, latest_at = excluded.latest_at";

enum { PARAMETERS = 9, TEXT = 25, INTEGER = 23, BIGINT = 20, BYTEA = 17 };
static const Oid TYPES[PARAMETERS] = {TEXT, TEXT, TEXT, INTEGER, BIGINT, BIGINT, TEXT, BIGINT, BYTEA};
static const int FORMATS[PARAMETERS] = {0, 0, 0, 0, 0, 0, 0, 0, 1};

/// The highest `$n` in it.
static int parameters_of(const char *sql) {
    int highest = 0;
    for (const char *at = strchr(sql, '$'); at != NULL; at = strchr(at + 1, '$')) {
        int number = atoi(at + 1);
        if (number > highest) highest = number;
    }
    if (highest > PARAMETERS) fail("there is no parameter $%d", highest);
    return highest;
}

static void check(PGconn *postgres, int ok) {
    if (!ok) fail("PostgreSQL: %s", PQerrorMessage(postgres));
}

static void prepare(PGconn *postgres, const char *name, const char *sql) {
    PGresult *result = PQprepare(postgres, name, sql, parameters_of(sql), TYPES);
    check(postgres, PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
}

static void send_statement(PGconn *postgres, const char *name, int count, const char *const *values) {
    static int lengths[PARAMETERS];
    lengths[PARAMETERS - 1] = (int)strlen(MESSAGE_TEXT);
    check(postgres, PQsendQueryPrepared(postgres, name, count, values, lengths, FORMATS, 0));
}

/// Takes a batch's answers, up to its end.
static void take_batch(PGconn *postgres) {
    while (true) {
        PGresult *result = PQgetResult(postgres);
        if (result == NULL) continue;  // the end of one statement's answer
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC) fail("PostgreSQL: %s", PQresultErrorMessage(result));
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC) return;
    }
}

int run_turns(int argc, char **argv) {
    const char *url = NULL, *turn_sql = TURN_SQL, *message_sql = MESSAGE_SQL,
               *conversation_sql = CONVERSATION_SQL;
    long port = 0, turns = 100000, size = 100, window = 4, conversations = 15000, first_id = 1;
    const struct option_spec specs[] = {
        {"--url", &url, NULL}, {"--turn-sql", &turn_sql, NULL}, {"--message-sql", &message_sql, NULL},
        {"--conversation-sql", &conversation_sql, NULL},
        {"--port", NULL, &port}, {"--turns", NULL, &turns}, {"--batch", NULL, &size}, {"--pipeline", NULL, &window},
        {"--conversations", NULL, &conversations}, {"--first-id", NULL, &first_id},
    };
    read_options(argc, argv, specs, sizeof specs / sizeof *specs);
    struct conversation *all = make_conversations(conversations, 64);
    char port_text[16];
    snprintf(port_text, sizeof port_text, "%ld", port);
    // A port that comes after the URL overrides the URL's.
    const char *keywords[] = {"dbname", port > 0 ? "port" : NULL, NULL}, *settings[] = {url, port_text, NULL};
    PGconn *postgres = PQconnectdbParams(keywords, settings, 1);
    check(postgres, PQstatus(postgres) == CONNECTION_OK);
    prepare(postgres, "turn", turn_sql);
    prepare(postgres, "message", message_sql);
    prepare(postgres, "conversation", conversation_sql);
    prepare(postgres, "begin", "BEGIN");
    prepare(postgres, "commit", "COMMIT");
    int turn_count = parameters_of(turn_sql), message_count = parameters_of(message_sql),
        conversation_count = parameters_of(conversation_sql);
    check(postgres, PQenterPipelineMode(postgres));

    double begin = seconds_now();
    long in_flight = 0;
    for (long done = 0; done < turns;) {
        if (in_flight == window) {
            take_batch(postgres);
            in_flight--;
        }
        send_statement(postgres, "begin", 0, NULL);
        for (long end = done + size < turns ? done + size : turns; done < end; done++) {
            char id[24], now[24], sent[24];
            int64_t time = wall_milliseconds();
            snprintf(id, sizeof id, "3EB0%016lX", first_id + done);
            snprintf(now, sizeof now, "%lld", (long long)time);
            snprintf(sent, sizeof sent, "%lld", (long long)time / 1000);
            const char *values[PARAMETERS] = {
                all[done % conversations].id, id, ASSISTANT, "1", now, now, "text", sent, MESSAGE_TEXT,
            };
            send_statement(postgres, "turn", turn_count, values);
            send_statement(postgres, "message", message_count, values);
            send_statement(postgres, "conversation", conversation_count, values);
        }
        send_statement(postgres, "commit", 0, NULL);
        check(postgres, PQpipelineSync(postgres));
        in_flight++;
    }
    for (; in_flight > 0; in_flight--) take_batch(postgres);
    report("pg-turns", turns, seconds_now() - begin);

    PQfinish(postgres);
    free(all);
    return 0;
}
