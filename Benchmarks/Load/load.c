// A small HTTP/1.1 load generator that knows OAuth: phone logins by either door, introspection, refresh rotation,
// client_credentials and the first page of a redirect login, over keep-alive connections on one epoll loop a thread.
//
// A unit is what a person or a service waits for: a whole login (request, text, confirm, token) counts once. Latencies
// are kept one by one in microseconds and sorted, so the percentiles are exact. A connection has one request under way
// at a time and starts the next unit when the last is done (closed loop): the rate is what the server can do with
// --connections callers, and a stall shows in the percentiles of all that waited in it.
//
// The phone flow's texts are read from the file that the server's file connector appends to, one JSON object a line.
//
//     cc -std=c11 -O2 -pthread -o load load.c

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum work { LOGIN, CHALLENGE, INTROSPECT, REFRESH, CLIENT_CREDENTIALS, PAGE };
static const char *const work_names[] = {
    "login", "challenge", "introspect", "refresh", "client_credentials", "page"};

/// Whether a unit is a whole login, which waits for a text.
static bool is_login(enum work work) { return work == LOGIN || work == CHALLENGE; }

enum auth { AUTH_DEFAULT, AUTH_NONE, AUTH_BASIC, AUTH_POST };

static struct {
    const char *url;
    enum work work, token_source;
    int connections, threads, code_length;
    double seconds, warmup;
    const char *client_id, *client_secret, *redirect_uri, *scope;
    enum auth auth;
    const char *outbox, *tokens, *body;
    const char *token_path, *introspect_path, *request_path, *confirm_path, *challenge_path, *authorize_path;
    const char *pids, *database;
    uint64_t count, seed, users;
    bool json;
} option = {
    .url = "http://127.0.0.1:8080",
    .work = LOGIN,
    .token_source = CLIENT_CREDENTIALS,
    .connections = 32,
    .authorize_path = "/oauth2/authorize",
    .threads = 1,
    .code_length = 6,
    .seconds = 10,
    .warmup = 2,
    .token_path = "/oauth2/token",
    .introspect_path = "/oauth2/introspect",
    .request_path = "/oauth2/login/phone/request",
    .confirm_path = "/oauth2/login/phone/confirm",
    .challenge_path = "/oauth2/challenge",
};

// What --url and the credentials come to.
static struct sockaddr_storage address;
static socklen_t address_length;
static char host_header[300];
static char authorization[2048];  // a whole header line, or empty
static char *client_fields = "";  // "&client_id=…&client_secret=…" for the form, or empty

// MARK: small things

static _Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void *grow(void *memory, size_t bytes) {
    void *grown = realloc(memory, bytes);
    if (grown == NULL) die("out of memory");
    return grown;
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t moment) {
    struct timespec time = {.tv_sec = (time_t)(moment / 1000000000u), .tv_nsec = (long)(moment % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

typedef struct {
    char *data;
    size_t length, capacity;
} buffer;

static void reserve(buffer *buffer, size_t more) {
    if (buffer->length + more <= buffer->capacity) return;
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    while (capacity < buffer->length + more) capacity *= 2;
    buffer->data = grow(buffer->data, capacity);
    buffer->capacity = capacity;
}

static void append(buffer *buffer, const char *text, size_t length) {
    reserve(buffer, length + 1);
    memcpy(buffer->data + buffer->length, text, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

static __attribute__((format(printf, 2, 3))) void print(buffer *buffer, const char *format, ...) {
    for (;;) {
        va_list arguments;
        va_start(arguments, format);
        size_t room = buffer->capacity - buffer->length;
        int length = vsnprintf(buffer->data ? buffer->data + buffer->length : NULL, room, format, arguments);
        va_end(arguments);
        if (length < 0) die("cannot format");
        if ((size_t)length < room) {
            buffer->length += (size_t)length;
            return;
        }
        reserve(buffer, (size_t)length + 1);
    }
}

/// application/x-www-form-urlencoded, and good in a query as well.
static char *encoded(const char *text) {
    static const char hex[] = "0123456789ABCDEF";
    buffer out = {0};
    append(&out, "", 0);
    for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
        if ((*byte >= '0' && *byte <= '9') || (*byte >= 'A' && *byte <= 'Z') || (*byte >= 'a' && *byte <= 'z') ||
            strchr("-._~", *byte)) {
            append(&out, (const char *)byte, 1);
        } else {
            char escape[3] = {'%', hex[*byte >> 4], hex[*byte & 15]};
            append(&out, escape, 3);
        }
    }
    return out.data;
}

static void base64(const char *text, char *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    for (size_t at = 0; at < length; at += 3) {
        uint32_t bits = (uint32_t)(unsigned char)text[at] << 16;
        if (at + 1 < length) bits |= (uint32_t)(unsigned char)text[at + 1] << 8;
        if (at + 2 < length) bits |= (uint32_t)(unsigned char)text[at + 2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = at + 1 < length ? alphabet[bits >> 6 & 63] : '=';
        *out++ = at + 2 < length ? alphabet[bits & 63] : '=';
    }
    *out = '\0';
}

/// The member `name` of a JSON text, when it is a string; unescaped, valid until the buffer is used again.
///
/// Finds the first `"name":` at any depth. A quote inside a string is escaped, so a string's content cannot look like it.
static const char *json_string(const char *json, const char *name, buffer *out) {
    size_t name_length = strlen(name);
    for (const char *at = json; (at = strchr(at, '"')) != NULL; at++) {
        if (strncmp(at + 1, name, name_length) != 0 || at[1 + name_length] != '"') continue;
        const char *value = at + name_length + 2;
        value += strspn(value, " \t\r\n");
        if (*value++ != ':') continue;
        value += strspn(value, " \t\r\n");
        if (*value++ != '"') continue;
        out->length = 0;
        for (; *value != '"'; value++) {
            if (*value == '\0') return NULL;
            if (*value != '\\') {
                append(out, value, 1);
                continue;
            }
            unsigned unit;
            switch (*++value) {
                case 'n': append(out, "\n", 1); break;
                case 't': append(out, "\t", 1); break;
                case 'r': append(out, "\r", 1); break;
                case 'b': case 'f': append(out, " ", 1); break;
                case 'u':
                    if (sscanf(value + 1, "%4x", &unit) != 1) return NULL;
                    // Everything looked for here is ASCII; the rest only has to stay out of the way.
                    append(out, unit < 0x80 ? &(char){(char)unit} : "?", 1);
                    value += 4;
                    break;
                case '\0': return NULL;
                default: append(out, value, 1);
            }
        }
        append(out, "", 0);
        return out->data;
    }
    return NULL;
}

static bool json_is_true(const char *json, const char *name) {
    size_t name_length = strlen(name);
    for (const char *at = json; (at = strchr(at, '"')) != NULL; at++) {
        if (strncmp(at + 1, name, name_length) != 0 || at[1 + name_length] != '"') continue;
        const char *value = at + name_length + 2;
        value += strspn(value, " \t\r\n");
        if (*value++ != ':') continue;
        value += strspn(value, " \t\r\n");
        return strncmp(value, "true", 4) == 0;
    }
    return false;
}

// MARK: tokens

typedef struct {
    char **tokens;
    size_t count, capacity;
} token_list;

static void keep(token_list *list, const char *token, size_t length) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 512;
        list->tokens = grow(list->tokens, list->capacity * sizeof *list->tokens);
    }
    char *copy = grow(NULL, length + 1);
    memcpy(copy, token, length);
    copy[length] = '\0';
    list->tokens[list->count++] = copy;
}

static void read_tokens(token_list *list, const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) die("%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
        while (length > 0 && strchr(" \t\r\n", line[length - 1])) length--;
        if (length > 0) keep(list, line, (size_t)length);
    }
    free(line);
    fclose(file);
    if (list->count == 0) die("%s holds no token", path);
}

// MARK: numbers

/// Japanese mobile numbers, one after another: +8190, then +8180, then +8170, each followed by 10000000…99999999.
static const char *const prefixes[] = {"+8190", "+8180", "+8170"};
static const uint64_t numbers_per_prefix = 90000000;

static void number_at(uint64_t index, char out[16]) {
    index %= 3 * numbers_per_prefix;
    snprintf(out, 16, "%s%08" PRIu64, prefixes[index / numbers_per_prefix], 10000000 + index % numbers_per_prefix);
}

/// With --users, numbers lie all over the space, as people's do: the first `users` of this order are known. The factor
/// has no divisor in common with the number of numbers, so no two places are one.
static uint64_t scattered(uint64_t place) {
    const uint64_t factor = 100000007;
    return place % (3 * numbers_per_prefix) * factor % (3 * numbers_per_prefix);
}

/// The index of a number, or UINT64_MAX for one that `number_at` does not make.
static uint64_t index_of(const char *number) {
    for (uint64_t prefix = 0; prefix < 3; prefix++) {
        if (strncmp(number, prefixes[prefix], 5) != 0 || strlen(number) != 13) continue;
        uint64_t rest = strtoull(number + 5, NULL, 10);
        if (rest >= 10000000) return prefix * numbers_per_prefix + rest - 10000000;
    }
    return UINT64_MAX;
}

// MARK: one thread

enum step { IDLE, REQUESTING, AWAITING_TEXT, CONFIRMING, REDEEMING, ASKING };

typedef struct connection {
    int fd;
    bool connecting, wants_output, got_bytes;
    enum step step;
    int failures;                // to connect, one after another
    buffer scratch, in;          // scratch: the request, when it is not a prepared one
    const char *out;
    size_t out_length, sent;
    uint64_t unit_started;
    uint64_t number;             // its index
    char code[11];               // a text often arrives before the reply that promised it
    buffer operation_id;         // or the auth_session
    size_t next_token, chain_count;
    char **chain;                // refresh: the tokens this connection rotates in turn
} connection;

typedef struct {
    int index, stride;           // the numbers of this thread: index, index + stride, …
    enum work work;
    int connection_count;
    connection *connections;
    int epoll;
    uint64_t measure_from, measure_until, give_up_at;
    uint64_t wanted;             // set-up: this many units and no more; 0: until the time is over
    uint64_t begun;
    token_list *collected;       // set-up: where tokens go
    bool collect_refresh;
    const char *scope;

    buffer *prepared;            // introspect, client_credentials: whole requests, gone round
    size_t prepared_count, prepared_next;

    int outbox, inotify;
    off_t outbox_from;
    buffer tail;
    uint64_t first_number, dice;
    int waiting;
    uint64_t outbox_read_at;

    uint32_t *latencies;
    size_t latency_count, latency_capacity;
    uint64_t finished, errors, reconnects;
    char first_error[600];
    int alive;                   // connections still able to work
    buffer text, value;
} thread;

static uint64_t next_seed;       // the first number of the next phase: a number is used once

static void begin_unit(thread *thread, connection *connection);
static void open_connection(thread *thread, connection *connection);

static void note_error(thread *thread, int status, const char *what) {
    thread->errors++;
    if (thread->first_error[0] == '\0') {
        snprintf(thread->first_error, sizeof thread->first_error, "%d %.500s", status, what);
        for (char *at = thread->first_error; *at; at++) {
            if ((unsigned char)*at < ' ') *at = ' ';
        }
    }
}

static void watch(thread *thread, connection *connection, bool output) {
    connection->wants_output = output;
    struct epoll_event event = {
        .events = EPOLLIN | (output ? EPOLLOUT : 0u),
        .data.u32 = (uint32_t)(connection - thread->connections),
    };
    epoll_ctl(thread->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void close_connection(connection *connection) {
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
    connection->in.length = 0;
    connection->sent = 0;
    connection->got_bytes = false;
}

static void flush_output(thread *thread, connection *connection) {
    if (connection->connecting) return;
    while (connection->sent < connection->out_length) {
        ssize_t wrote = send(connection->fd, connection->out + connection->sent,
                             connection->out_length - connection->sent, MSG_NOSIGNAL);
        if (wrote > 0) {
            connection->sent += (size_t)wrote;
        } else if (errno == EAGAIN) {
            if (!connection->wants_output) watch(thread, connection, true);
            return;
        } else if (errno != EINTR) {
            return;              // the read side tells what became of it
        }
    }
    if (connection->wants_output) watch(thread, connection, false);
}

static void send_out(thread *thread, connection *connection, const char *request, size_t length) {
    connection->out = request;
    connection->out_length = length;
    connection->sent = 0;
    connection->got_bytes = false;
    if (connection->fd < 0) {
        open_connection(thread, connection);
    } else {
        flush_output(thread, connection);
    }
}

/// Writes a whole POST; what it said before is gone.
static void write_post(buffer *out, const char *target, const char *content_type, const char *headers,
                       const char *body) {
    out->length = 0;
    print(out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n%s", target,
          host_header, content_type, headers, strlen(body), body);
}

static void post(thread *thread, connection *connection, const char *target, const char *content_type,
                 const char *headers, const char *body) {
    write_post(&connection->scratch, target, content_type, headers, body);
    send_out(thread, connection, connection->scratch.data, connection->scratch.length);
}

static const char form_type[] = "application/x-www-form-urlencoded";

/// The form of a work, with `{token}`, `{client_id}` and `{client_secret}` filled in.
static void write_form(buffer *out, enum work work, const char *token, const char *scope) {
    out->length = 0;
    char *token_encoded = encoded(token);
    if (option.body != NULL && work == option.work) {
        for (const char *at = option.body; *at;) {
            if (strncmp(at, "{token}", 7) == 0) {
                append(out, token_encoded, strlen(token_encoded)), at += 7;
            } else if (strncmp(at, "{client_id}", 11) == 0) {
                char *value = encoded(option.client_id);
                append(out, value, strlen(value)), at += 11;
                free(value);
            } else if (strncmp(at, "{client_secret}", 15) == 0) {
                char *value = encoded(option.client_secret ? option.client_secret : "");
                append(out, value, strlen(value)), at += 15;
                free(value);
            } else {
                append(out, at++, 1);
            }
        }
    } else if (work == INTROSPECT) {
        print(out, "token=%s%s", token_encoded, client_fields);
    } else if (work == REFRESH) {
        print(out, "grant_type=refresh_token&refresh_token=%s%s", token_encoded, client_fields);
    } else {
        print(out, "grant_type=client_credentials%s", client_fields);
        if (scope != NULL) {
            char *value = encoded(scope);
            print(out, "&scope=%s", value);
            free(value);
        }
    }
    free(token_encoded);
}

static void open_connection(thread *thread, connection *connection) {
    connection->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket: %s", strerror(errno));
    int on = 1;
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&address, address_length) < 0 && errno != EINPROGRESS) {
        die("connect: %s", strerror(errno));
    }
    connection->connecting = true;
    connection->wants_output = true;
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT, .data.u32 = (uint32_t)(connection - thread->connections)};
    if (epoll_ctl(thread->epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0) die("epoll: %s", strerror(errno));
}

// MARK: the outbox

/// Whose login waits for a text to this number, or for the reply that comes before it; NULL when nobody's does.
static connection *waiting_for(thread *thread, uint64_t number) {
    for (int index = 0; index < thread->connection_count; index++) {
        connection *connection = &thread->connections[index];
        bool waits = connection->step == REQUESTING || connection->step == AWAITING_TEXT;
        if (waits && connection->number == number) return connection;
    }
    return NULL;
}

/// The next number of this thread. With --users every other one is somebody's who was here before, at random.
static uint64_t next_number(thread *thread) {
    uint64_t serial = thread->begun++;
    uint64_t place = thread->first_number + serial * (uint64_t)thread->stride + (uint64_t)thread->index;
    if (option.users == 0) return place % (3 * numbers_per_prefix);
    if (serial % 2 == 0) return scattered(option.users + place);
    for (;;) {
        thread->dice = thread->dice * 6364136223846793005u + 1442695040888963407u;
        uint64_t number = scattered((thread->dice >> 16) % option.users);
        bool in_use = false;
        for (int index = 0; index < thread->connection_count; index++) {
            const connection *other = &thread->connections[index];
            in_use = in_use || (other->step != IDLE && other->number == number);
        }
        if (!in_use) return number;
    }
}

static void confirm(thread *thread, connection *connection, const char *code) {
    buffer *body = &thread->text;
    body->length = 0;
    connection->step = CONFIRMING;
    if (thread->work == CHALLENGE) {
        print(body, "auth_session=%s&otp=%s%s", connection->operation_id.data, code, client_fields);
        return post(thread, connection, option.challenge_path, form_type, authorization, body->data);
    }
    char number[16];
    number_at(connection->number, number);
    print(body, "{\"code\":\"%s\",\"operation_id\":\"%s\",\"phone_number\":\"%s\"}", code,
          connection->operation_id.data, number);
    char target[1024];
    char *client_id = encoded(option.client_id);
    snprintf(target, sizeof target, "%s?client_id=%s", option.confirm_path, client_id);
    free(client_id);
    post(thread, connection, target, "application/json", "", body->data);
}

static void take_text(thread *thread, const char *line) {
    const char *to = json_string(line, "to", &thread->value);
    if (to == NULL) return;
    uint64_t number = index_of(to);
    connection *connection = number == UINT64_MAX ? NULL : waiting_for(thread, number);
    if (connection == NULL) return;       // of another thread, or of nobody any more
    const char *body = json_string(line, "body", &thread->value);
    if (body == NULL) return;
    size_t wanted = (size_t)option.code_length;
    for (const char *at = body; *at;) {
        size_t digits = strspn(at, "0123456789");
        if (digits == wanted) {
            memcpy(connection->code, at, digits);
            connection->code[digits] = '\0';
            if (connection->step == AWAITING_TEXT) {
                thread->waiting--;
                confirm(thread, connection, connection->code);
            }
            return;
        }
        at += digits ? digits : 1;
    }
}

static void read_outbox(thread *thread) {
    if (option.outbox == NULL) return;
    thread->outbox_read_at = now_ns();
    if (thread->outbox < 0) {
        thread->outbox = open(option.outbox, O_RDONLY | O_CLOEXEC);
        if (thread->outbox < 0) return;       // nobody has written yet
        lseek(thread->outbox, thread->outbox_from, SEEK_SET);
        inotify_add_watch(thread->inotify, option.outbox, IN_MODIFY);
    }
    for (;;) {
        reserve(&thread->tail, 65536 + 1);
        ssize_t got = read(thread->outbox, thread->tail.data + thread->tail.length, 65536);
        if (got <= 0) return;
        thread->tail.length += (size_t)got;
        char *line = thread->tail.data, *end = thread->tail.data + thread->tail.length;
        for (char *newline; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL; line = newline + 1) {
            *newline = '\0';
            take_text(thread, line);
        }
        thread->tail.length = (size_t)(end - line);
        memmove(thread->tail.data, line, thread->tail.length);
    }
}

// MARK: units

/// The first call of a login, by the door that is measured: both say the same.
static void begin_login(thread *thread, connection *connection) {
    connection->number = next_number(thread);
    connection->code[0] = '\0';
    char number[16];
    number_at(connection->number, number);
    bool challenge = thread->work == CHALLENGE;
    buffer *text = &thread->text;         // the form of the one, the address of the other
    text->length = 0;
    if (challenge) {
        print(text, "response_type=code&login_hint=%%2B%s%s", number + 1, client_fields);
    } else {
        char *client_id = encoded(option.client_id);
        print(text, "%s?response_type=code&client_id=%s&state=load-%08" PRIu64, option.request_path, client_id,
              connection->number);
        free(client_id);
    }
    if (option.redirect_uri) {
        char *value = encoded(option.redirect_uri);
        print(text, "&redirect_uri=%s", value);
        free(value);
    }
    if (thread->scope) {
        char *value = encoded(thread->scope);
        print(text, "&scope=%s", value);
        free(value);
    }
    connection->step = REQUESTING;
    if (challenge) return post(thread, connection, option.challenge_path, form_type, authorization, text->data);
    char body[64];
    snprintf(body, sizeof body, "{\"phone_number\":\"%s\"}", number);
    post(thread, connection, text->data, "application/json", "", body);
}

static void begin_unit(thread *thread, connection *connection) {
    if (thread->wanted && thread->begun >= thread->wanted) {
        connection->step = IDLE;
        return;
    }
    connection->unit_started = now_ns();
    if (connection->unit_started >= thread->measure_until) {
        connection->step = IDLE;
        return;
    }
    if (is_login(thread->work)) return begin_login(thread, connection);
    thread->begun++;
    connection->step = ASKING;
    if (thread->work == REFRESH) {
        write_form(&thread->text, REFRESH, connection->chain[connection->next_token], NULL);
        post(thread, connection, option.token_path, form_type, authorization, thread->text.data);
        return;
    }
    buffer *request = &thread->prepared[thread->prepared_next];
    if (++thread->prepared_next == thread->prepared_count) thread->prepared_next = 0;
    send_out(thread, connection, request->data, request->length);
}

static void finish_unit(thread *thread, connection *connection) {
    uint64_t now = now_ns();
    thread->finished++;
    if (now >= thread->measure_from && now < thread->measure_until) {
        if (thread->latency_count == thread->latency_capacity) {
            thread->latency_capacity = thread->latency_capacity ? thread->latency_capacity * 2 : 65536;
            thread->latencies = grow(thread->latencies, thread->latency_capacity * sizeof *thread->latencies);
        }
        thread->latencies[thread->latency_count++] = (uint32_t)((now - connection->unit_started + 500) / 1000);
    }
    begin_unit(thread, connection);
}

static void fail_unit(thread *thread, connection *connection, int status, const char *body) {
    note_error(thread, status, body);
    if (thread->wanted) thread->wanted++;     // set-up: another instead
    if (thread->wanted && thread->errors > 100) {
        die("setting up fails, first with: %s", thread->first_error);
    }
    if (thread->work == REFRESH && status >= 400 && status < 500 && status != 429) {
        // A chain that was refused once is refused for good.
        free(connection->chain[connection->next_token]);
        connection->chain[connection->next_token] = connection->chain[--connection->chain_count];
        if (connection->chain_count == 0) {
            connection->step = IDLE;
            thread->alive--;
            return;
        }
        connection->next_token %= connection->chain_count;
    }
    begin_unit(thread, connection);
}

static void collect(thread *thread, const char *body) {
    if (thread->collected == NULL) return;
    const char *name = thread->collect_refresh ? "refresh_token" : "access_token";
    const char *token = json_string(body, name, &thread->value);
    if (token == NULL) die("a login brought no %s: %.300s", name, body);
    keep(thread->collected, token, strlen(token));
}

/// Takes a code up to the end of its parameter. In a URL it is percent-encoded already; alone it is base64url.
static void redeem(thread *thread, connection *connection, const char *code) {
    buffer *form = &thread->text;
    form->length = 0;
    print(form, "grant_type=authorization_code&code=%.*s%s", (int)strcspn(code, "&#"), code, client_fields);
    if (option.redirect_uri) {
        char *value = encoded(option.redirect_uri);
        print(form, "&redirect_uri=%s", value);
        free(value);
    }
    connection->step = REDEEMING;
    post(thread, connection, option.token_path, form_type, authorization, form->data);
}

static void take_reply(thread *thread, connection *connection, int status, const char *body) {
    switch (connection->step) {
        case IDLE:
        case AWAITING_TEXT: return;
        case REQUESTING: {
            // The answer that asks for the code is a 400 at the challenge (draft-ietf-oauth-first-party-apps).
            const char *operation = thread->work == CHALLENGE ? json_string(body, "auth_session", &thread->value)
                                    : status == 200           ? json_string(body, "operation_id", &thread->value)
                                                              : NULL;
            if (operation == NULL) return fail_unit(thread, connection, status, body);
            connection->operation_id.length = 0;
            append(&connection->operation_id, operation, strlen(operation));
            if (connection->code[0]) return confirm(thread, connection, connection->code);
            connection->step = AWAITING_TEXT;
            thread->waiting++;
            return;
        }
        case CONFIRMING: {
            if (thread->work == CHALLENGE) {
                const char *given = status == 200 ? json_string(body, "authorization_code", &thread->value) : NULL;
                return given ? redeem(thread, connection, given) : fail_unit(thread, connection, status, body);
            }
            const char *url = status == 200 ? json_string(body, "login_url", &thread->value) : NULL;
            const char *code = url ? strstr(url, "?code=") : NULL;
            if (url && !code) code = strstr(url, "&code=");
            if (code == NULL) return fail_unit(thread, connection, status, body);
            return redeem(thread, connection, code + 6);
        }
        case REDEEMING:
            if (status != 200 || !json_string(body, "access_token", &thread->value)) break;
            collect(thread, body);
            return finish_unit(thread, connection);
        case ASKING:
            if (status != 200) break;
            if (thread->work == INTROSPECT) {
                if (!json_is_true(body, "active")) break;
            } else if (thread->work == PAGE) {
                if (!strstr(body, "name=\"phone_number\"")) break;
            } else if (thread->work == REFRESH) {
                const char *token = json_string(body, "refresh_token", &thread->value);
                if (token != NULL) {          // a server that does not rotate may send none
                    char **chain = &connection->chain[connection->next_token];
                    size_t length = strlen(token) + 1;
                    *chain = grow(*chain, length);
                    memcpy(*chain, token, length);
                } else if (!json_string(body, "access_token", &thread->value)) {
                    break;
                }
                connection->next_token = (connection->next_token + 1) % connection->chain_count;
            } else {
                if (!json_string(body, "access_token", &thread->value)) break;
                collect(thread, body);
            }
            return finish_unit(thread, connection);
    }
    fail_unit(thread, connection, status, body);
}

// MARK: HTTP

/// Undoes chunks in place. The length of the body, −1 when the last chunk is not here yet, −2 when it is no such body.
static ssize_t join_chunks(char *body, size_t length, size_t *consumed) {
    char *in = body, *end = body + length, *out = body;
    // First only look, since a body that is not whole must stay as it is.
    for (int pass = 0; pass < 2; pass++) {
        in = body;
        for (;;) {
            char *line_end = memmem(in, (size_t)(end - in), "\r\n", 2);
            if (line_end == NULL) return -1;
            char *digits_end;
            unsigned long size = strtoul(in, &digits_end, 16);
            if (digits_end == in) return -2;
            char *data = line_end + 2;
            if (size == 0) {                  // then trailers, up to an empty line
                for (char *trailer = data;;) {
                    char *next = memmem(trailer, (size_t)(end - trailer), "\r\n", 2);
                    if (next == NULL) return -1;
                    if (next == trailer) {
                        *consumed = (size_t)(next + 2 - body);
                        break;
                    }
                    trailer = next + 2;
                }
                break;
            }
            if (size > (size_t)(end - data) || (size_t)(end - data) - size < 2) return -1;
            if (pass == 1) {
                memmove(out, data, size);
                out += size;
            }
            in = data + size + 2;
        }
    }
    return out - body;
}

/// Whether a header line is `name`, and where its value starts.
static const char *header(const char *line, const char *name) {
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') return NULL;
    return line + length + 1 + strspn(line + length + 1, " \t");
}

enum parsed { INCOMPLETE, COMPLETE, BROKEN };

/// Takes one reply from the front of the input when it is whole.
static enum parsed parse_reply(thread *thread, connection *connection) {
    buffer *in = &connection->in;
    for (;;) {
        char *head_end = memmem(in->data, in->length, "\r\n\r\n", 4);
        if (head_end == NULL) return in->length > 65536 ? BROKEN : INCOMPLETE;
        if (strncmp(in->data, "HTTP/1.", 7) != 0) return BROKEN;
        int status = atoi(in->data + 9);
        bool chunked = false, close_after = in->data[7] == '0', has_length = false;
        size_t length = 0;
        for (const char *line = strstr(in->data, "\r\n") + 2; line < head_end; line = strstr(line, "\r\n") + 2) {
            const char *value;
            if ((value = header(line, "content-length"))) {
                length = strtoul(value, NULL, 10);
                has_length = true;
            } else if ((value = header(line, "transfer-encoding"))) {
                chunked = strncasecmp(value, "chunked", 7) == 0;
            } else if ((value = header(line, "connection"))) {
                if (strncasecmp(value, "close", 5) == 0) close_after = true;
                if (strncasecmp(value, "keep-alive", 10) == 0) close_after = false;
            }
        }
        char *body = head_end + 4;
        size_t there = in->length - (size_t)(body - in->data), consumed = length;
        if (status == 204 || status == 304 || status < 200) {
            length = consumed = 0;
        } else if (chunked) {
            ssize_t joined = join_chunks(body, there, &consumed);
            if (joined == -1) return INCOMPLETE;
            if (joined < 0) return BROKEN;
            length = (size_t)joined;
        } else if (!has_length) {
            return BROKEN;                    // a body until the end of the connection: not a server to measure
        } else if (there < length) {
            return INCOMPLETE;
        }
        if (status < 200) {                   // 100 Continue and its kind
            in->length = there;
            memmove(in->data, body, there);
            in->data[in->length] = '\0';
            continue;
        }
        // The reply is moved out of the way: the next request may be written, and even answered, from take_reply.
        static _Thread_local buffer reply;
        reply.length = 0;
        append(&reply, body, length);
        in->length = there - consumed;
        memmove(in->data, body + consumed, in->length);
        in->data[in->length] = '\0';
        if (close_after) {
            close_connection(connection);
            thread->reconnects++;
        }
        take_reply(thread, connection, status, reply.data);
        return COMPLETE;
    }
}

/// The server hung up. A request it has not begun to answer goes out again; half an answer is an error.
static void lost(thread *thread, connection *connection) {
    bool half = connection->got_bytes;
    close_connection(connection);
    if (connection->step == IDLE || connection->step == AWAITING_TEXT) return;   // opens again when there is need
    thread->reconnects++;
    if (half) return fail_unit(thread, connection, 0, "the connection was closed in the middle of a reply");
    if (++connection->failures > 50) die("the server does not take connections, or closes them without a reply");
    open_connection(thread, connection);
}

static void on_event(thread *thread, connection *connection, uint32_t events) {
    if (connection->fd < 0) return;
    if (connection->connecting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        int problem = 0;
        socklen_t length = sizeof problem;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &problem, &length);
        if (problem == EINPROGRESS) return;
        if (problem != 0) {
            if (thread->finished + thread->errors == 0 || connection->failures > 40) {
                die("cannot connect to %s: %s", option.url, strerror(problem));
            }
            struct timespec pause = {.tv_nsec = 10000000};
            nanosleep(&pause, NULL);
            return lost(thread, connection);
        }
        connection->connecting = false;
    }
    if (events & EPOLLOUT) flush_output(thread, connection);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))) return;
    for (;;) {
        reserve(&connection->in, 16384 + 1);
        size_t room = connection->in.capacity - connection->in.length - 1;
        ssize_t got = recv(connection->fd, connection->in.data + connection->in.length, room, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return lost(thread, connection);
        connection->in.length += (size_t)got;
        connection->in.data[connection->in.length] = '\0';
        connection->got_bytes = true;
        connection->failures = 0;
        enum parsed parsed = parse_reply(thread, connection);
        if (parsed == BROKEN) {
            close_connection(connection);
            return fail_unit(thread, connection, 0, "not an HTTP/1.1 reply");
        }
        if (parsed == COMPLETE) return;       // what comes next wakes the loop again
    }
}

/// A text that does not come in ten seconds is an error, and its caller starts over.
static void give_up_waiting(thread *thread) {
    uint64_t now = now_ns();
    for (int index = 0; index < thread->connection_count; index++) {
        connection *connection = &thread->connections[index];
        if (connection->step != AWAITING_TEXT || now - connection->unit_started < 10000000000u) continue;
        thread->waiting--;
        fail_unit(thread, connection, 200, "no text came in ten seconds");
    }
}

static bool is_done(const thread *thread) {
    if (thread->alive == 0) return true;
    return thread->wanted && thread->finished + thread->errors >= thread->wanted;
}

static void *run_thread(void *argument) {
    thread *thread = argument;
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    thread->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (thread->epoll < 0 || thread->inotify < 0) die("epoll or inotify: %s", strerror(errno));
    thread->outbox = -1;
    if (option.outbox && is_login(thread->work)) {
        struct stat status;
        thread->outbox_from = stat(option.outbox, &status) == 0 ? status.st_size : 0;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
        epoll_ctl(thread->epoll, EPOLL_CTL_ADD, thread->inotify, &event);
        read_outbox(thread);
    }
    thread->alive = thread->connection_count;
    for (int index = 0; index < thread->connection_count; index++) {
        thread->connections[index].fd = -1;
        begin_unit(thread, &thread->connections[index]);
    }
    struct epoll_event events[256];
    uint64_t looked = now_ns();
    while (!is_done(thread)) {
        uint64_t now = now_ns();
        if (now - looked > 1000000000u) {
            looked = now;
            give_up_waiting(thread);
        }
        if (now >= thread->measure_until) break;
        if (now >= thread->give_up_at) {
            die("setting up takes too long: %" PRIu64 " done, %d wait for a text, first error: %s", thread->finished,
                thread->waiting, thread->first_error[0] ? thread->first_error : "none");
        }
        // inotify brings the texts; the short wait is for file systems on which it stays silent.
        int count = epoll_wait(thread->epoll, events, 256, thread->waiting ? 2 : 50);
        bool outbox_grew = false;
        for (int index = 0; index < count; index++) {
            if (events[index].data.u32 == UINT32_MAX) {
                char drop[4096];
                while (read(thread->inotify, drop, sizeof drop) > 0) {}
                outbox_grew = true;
            } else {
                on_event(thread, &thread->connections[events[index].data.u32], events[index].events);
            }
        }
        if (outbox_grew || (thread->waiting && now_ns() - thread->outbox_read_at > 2000000)) read_outbox(thread);
    }
    for (int index = 0; index < thread->connection_count; index++) {
        connection *connection = &thread->connections[index];
        close_connection(connection);
        free(connection->scratch.data);
        free(connection->in.data);
        free(connection->operation_id.data);
    }
    if (thread->outbox >= 0) close(thread->outbox);
    close(thread->inotify);
    close(thread->epoll);
    return NULL;
}

static thread make_thread(int index, int stride, enum work work, int connections) {
    thread made = {
        .index = index,
        .stride = stride,
        .work = work,
        .connection_count = connections,
        .connections = calloc((size_t)connections, sizeof(connection)),
        .first_number = next_seed,
        .dice = next_seed * 2654435761u + (uint64_t)index + 1,
        .scope = option.scope,
        .measure_until = UINT64_MAX,
        .give_up_at = UINT64_MAX,
    };
    if (made.connections == NULL) die("out of memory");
    return made;
}

/// An authorization request by somebody who is not signed in.
static void prepare_page(thread *thread) {
    thread->prepared_count = 1;
    thread->prepared = calloc(1, sizeof *thread->prepared);
    if (thread->prepared == NULL) die("out of memory");
    char *client_id = encoded(option.client_id), *redirect_uri = encoded(option.redirect_uri ? option.redirect_uri : "");
    print(thread->prepared,
          "GET %s?response_type=code&client_id=%s&redirect_uri=%s&scope=openid&state=benchmark-state"
          "&code_challenge=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU&code_challenge_method=S256 HTTP/1.1\r\n"
          "Host: %s\r\nAccept-Language: ja\r\n\r\n",
          option.authorize_path, client_id, redirect_uri, host_header);
    free(client_id);
    free(redirect_uri);
}

/// Does one request a work and token, to be sent again and again.
static void prepare(thread *thread, const token_list *tokens) {
    if (thread->work == PAGE) return prepare_page(thread);
    thread->prepared_count = thread->work == INTROSPECT ? tokens->count : 1;
    thread->prepared = calloc(thread->prepared_count, sizeof *thread->prepared);
    if (thread->prepared == NULL) die("out of memory");
    buffer form = {0};
    for (size_t index = 0; index < thread->prepared_count; index++) {
        write_form(&form, thread->work, thread->work == INTROSPECT ? tokens->tokens[index] : "", thread->scope);
        write_post(&thread->prepared[index], thread->work == INTROSPECT ? option.introspect_path : option.token_path,
                   form_type, authorization, form.data);
    }
    free(form.data);
}

/// Makes `count` tokens before the clock starts.
static void obtain(token_list *tokens, enum work work, uint64_t count, bool refresh) {
    int connections = option.connections;
    if ((uint64_t)connections > count) connections = (int)count;
    thread setup = make_thread(0, 1, work, connections);
    setup.wanted = count;
    setup.collected = tokens;
    setup.collect_refresh = refresh;
    setup.give_up_at = now_ns() + 120000000000u;
    if (work == LOGIN && refresh && option.scope == NULL) setup.scope = "offline";
    if (work == CLIENT_CREDENTIALS) prepare(&setup, tokens);
    run_thread(&setup);
    if (tokens->count == 0) die("no token to begin with, first error: %s", setup.first_error);
    next_seed += setup.begun;
    free(setup.connections);
    free(setup.latencies);
}

// MARK: /proc

/// User and system time of a process, in nanoseconds; with `reaped`, of its ended children, too. 0 when it is gone.
static uint64_t cpu_of(long pid, bool reaped, long *parent) {
    char path[64], line[2048];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    bool is_read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!is_read) return 0;
    long long user, system, children_user, children_system;
    // The name may hold anything, parentheses too: fields are counted from the last one.
    const char *fields = strrchr(line, ')');
    if (fields == NULL ||
        sscanf(fields + 2, "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld", parent, &user, &system,
               &children_user, &children_system) != 5) {
        die("%s is not as expected", path);
    }
    long long ticks = user + system + (reaped ? children_user + children_system : 0);
    return (uint64_t)ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

/// User and system time of all --pid processes together, in nanoseconds.
static uint64_t server_cpu(void) {
    uint64_t total = 0;
    for (const char *at = option.pids ? option.pids : ""; *at;) {
        char *end;
        long parent, pid = strtol(at, &end, 10);
        if (end == at) die("--pid takes numbers with commas between");
        at = end + (*end == ',');
        uint64_t used = cpu_of(pid, false, &parent);
        if (used == 0) die("there is no process %ld", pid);
        total += used;
    }
    return total;
}

/// The same of --database-pid and its children: a PostgreSQL server has a process for each connection.
static uint64_t database_cpu(void) {
    if (option.database == NULL) return 0;
    long root = strtol(option.database, NULL, 10), parent;
    uint64_t total = cpu_of(root, true, &parent);
    DIR *processes = opendir("/proc");
    if (processes == NULL) die("/proc: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 0) continue;
        parent = 0;
        uint64_t used = cpu_of(pid, false, &parent);
        if (parent == root) total += used;
    }
    closedir(processes);
    return total;
}

/// Resident memory of all --pid processes together, in KiB.
static uint64_t server_rss(void) {
    uint64_t total = 0;
    for (const char *at = option.pids ? option.pids : ""; *at;) {
        char path[64], line[256], *end;
        snprintf(path, sizeof path, "/proc/%ld/status", strtol(at, &end, 10));
        at = end + (*end == ',');
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        unsigned long kib;
        while (fgets(line, sizeof line, file)) {
            if (sscanf(line, "VmRSS: %lu", &kib) == 1) total += kib;
        }
        fclose(file);
    }
    return total;
}

static uint64_t own_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

// MARK: the result

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(const uint32_t *sorted, size_t count, double share) {
    if (count == 0) return 0;
    size_t rank = (size_t)(share * (double)count + 0.999999);   // nearest rank
    if (rank < 1) rank = 1;
    if (rank > count) rank = count;
    return sorted[rank - 1] / 1000.0;
}

static void print_json_string(const char *text) {
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\') {
            printf("\\%c", *at);
        } else if (*at < ' ') {
            printf("\\u%04x", *at);
        } else {
            putchar(*at);
        }
    }
    putchar('"');
}

static const char usage[] =
    "usage: load --work login|challenge|introspect|refresh|client_credentials|page [options]\n"
    "\n"
    "  --url URL                 the server (http://127.0.0.1:8080)\n"
    "  --connections N           callers, each with one request under way (32)\n"
    "  --threads N               event loops that share them (1)\n"
    "  --seconds S, --warmup S   measured time, and time before it (10, 2)\n"
    "  --pid PID[,PID…]          the server's processes: CPU and memory are read from /proc\n"
    "  --database-pid PID        its database server: CPU of the process and its children\n"
    "  --client-id, --client-secret, --auth basic|post|none\n"
    "                            the client (basic when it has a secret, else none)\n"
    "  --redirect-uri URI        sent in logins\n"
    "  --scope SCOPE             of logins and client_credentials (logins before `refresh`: offline)\n"
    "  --outbox FILE             where the server's file connector writes texts (login, challenge, refresh)\n"
    "  --code-length N           digits of a texted code (6)\n"
    "  --seed N                  the first number is +819010000000 + N\n"
    "  --users N                 numbers lie all over the space, and every other login is of one of the first N\n"
    "  --tokens FILE             one token a line: to introspect, or refresh tokens to rotate\n"
    "  --count N                 tokens to introspect (500), or chains to rotate (one a connection)\n"
    "  --token-source login|client_credentials   how tokens to introspect are made (client_credentials)\n"
    "  --token-path, --introspect-path, --request-path, --confirm-path, --challenge-path\n"
    "                            paths of another server\n"
    "  --body FORM               the form to post instead; {token}, {client_id}, {client_secret} are filled in\n"
    "  --json                    the result as one JSON object\n";

static enum work work_named(const char *name) {
    for (int index = 0; index < (int)(sizeof work_names / sizeof *work_names); index++) {
        if (strcmp(name, work_names[index]) == 0) return (enum work)index;
    }
    die("no such work: %s", name);
}

static double number_named(const char *name, const char *text, double least) {
    char *end;
    double value = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(value >= least)) die("--%s cannot be %s", name, text);
    return value;
}

static void parse_options(int count, char **arguments) {
    enum { URL = 1, WORK, CONNECTIONS, THREADS, SECONDS, WARMUP, PID, DATABASE_PID, CLIENT_ID, CLIENT_SECRET, AUTH,
           REDIRECT_URI, SCOPE, OUTBOX, CODE_LENGTH, SEED, USERS, TOKENS, COUNT, TOKEN_SOURCE, TOKEN_PATH,
           INTROSPECT_PATH, REQUEST_PATH, CONFIRM_PATH, CHALLENGE_PATH, BODY, JSON, HELP };
    static const struct option names[] = {
        {"url", 1, 0, URL}, {"work", 1, 0, WORK}, {"connections", 1, 0, CONNECTIONS}, {"threads", 1, 0, THREADS},
        {"seconds", 1, 0, SECONDS}, {"warmup", 1, 0, WARMUP}, {"pid", 1, 0, PID}, {"client-id", 1, 0, CLIENT_ID},
        {"client-secret", 1, 0, CLIENT_SECRET}, {"auth", 1, 0, AUTH}, {"redirect-uri", 1, 0, REDIRECT_URI},
        {"scope", 1, 0, SCOPE}, {"outbox", 1, 0, OUTBOX}, {"code-length", 1, 0, CODE_LENGTH}, {"seed", 1, 0, SEED},
        {"users", 1, 0, USERS}, {"database-pid", 1, 0, DATABASE_PID},
        {"tokens", 1, 0, TOKENS}, {"count", 1, 0, COUNT}, {"token-source", 1, 0, TOKEN_SOURCE},
        {"token-path", 1, 0, TOKEN_PATH}, {"introspect-path", 1, 0, INTROSPECT_PATH},
        {"request-path", 1, 0, REQUEST_PATH}, {"confirm-path", 1, 0, CONFIRM_PATH},
        {"challenge-path", 1, 0, CHALLENGE_PATH}, {"body", 1, 0, BODY},
        {"json", 0, 0, JSON}, {"help", 0, 0, HELP}, {0},
    };
    for (int index = 0, found; (found = getopt_long(count, arguments, "", names, &index)) != -1;) {
        const char *name = found != '?' ? names[index].name : "";
        switch (found) {
            case URL: option.url = optarg; break;
            case WORK: option.work = work_named(optarg); break;
            case CONNECTIONS: option.connections = (int)number_named(name, optarg, 1); break;
            case THREADS: option.threads = (int)number_named(name, optarg, 1); break;
            case SECONDS: option.seconds = number_named(name, optarg, 0.001); break;
            case WARMUP: option.warmup = number_named(name, optarg, 0); break;
            case PID: option.pids = optarg; break;
            case DATABASE_PID: option.database = optarg; break;
            case CLIENT_ID: option.client_id = optarg; break;
            case CLIENT_SECRET: option.client_secret = optarg; break;
            case AUTH:
                option.auth = strcmp(optarg, "basic") == 0  ? AUTH_BASIC
                              : strcmp(optarg, "post") == 0 ? AUTH_POST
                              : strcmp(optarg, "none") == 0 ? AUTH_NONE
                                                            : (die("--auth is basic, post or none"), AUTH_NONE);
                break;
            case REDIRECT_URI: option.redirect_uri = optarg; break;
            case SCOPE: option.scope = optarg; break;
            case OUTBOX: option.outbox = optarg; break;
            case CODE_LENGTH:
                option.code_length = (int)number_named(name, optarg, 4);
                if (option.code_length > 10) die("--code-length is 4 to 10");
                break;
            case SEED: option.seed = (uint64_t)number_named(name, optarg, 0); break;
            case USERS: option.users = (uint64_t)number_named(name, optarg, 1000); break;
            case TOKENS: option.tokens = optarg; break;
            case COUNT: option.count = (uint64_t)number_named(name, optarg, 1); break;
            case TOKEN_SOURCE: option.token_source = work_named(optarg); break;
            case TOKEN_PATH: option.token_path = optarg; break;
            case INTROSPECT_PATH: option.introspect_path = optarg; break;
            case REQUEST_PATH: option.request_path = optarg; break;
            case CONFIRM_PATH: option.confirm_path = optarg; break;
            case CHALLENGE_PATH: option.challenge_path = optarg; break;
            case BODY: option.body = optarg; break;
            case JSON: option.json = true; break;
            case HELP: fputs(usage, stdout); exit(0);
            default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind < count) die("what is %s?", arguments[optind]);
    if (option.client_id == NULL) die("--client-id is needed");
    if (option.threads > option.connections) option.threads = option.connections;
    if (option.token_source != LOGIN && option.token_source != CLIENT_CREDENTIALS) {
        die("--token-source is login or client_credentials");
    }
    bool logs_in = is_login(option.work) || (option.work == REFRESH && !option.tokens) ||
                   (option.work == INTROSPECT && !option.tokens && option.token_source == LOGIN);
    if (logs_in && option.outbox == NULL) die("logins need --outbox, or the codes stay unknown");
    next_seed = option.seed;
}

static void resolve(void) {
    if (strncmp(option.url, "http://", 7) != 0) die("--url must begin with http://");
    const char *authority = option.url + 7;
    size_t length = strcspn(authority, "/");
    if (length >= sizeof host_header || strspn(authority + length, "/") != strlen(authority + length)) {
        die("--url is http://host:port, and paths are options of their own");
    }
    memcpy(host_header, authority, length);
    char host[300];
    memcpy(host, host_header, sizeof host);
    char *port = strrchr(host, ':');
    if (port != NULL && strchr(port, ']') == NULL) {
        *port++ = '\0';
    } else {
        port = "80";
    }
    char *name = host;
    if (*name == '[') {
        name++;
        name[strcspn(name, "]")] = '\0';
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int problem = getaddrinfo(name, port, &hints, &found);
    if (problem != 0) die("%s: %s", option.url, gai_strerror(problem));
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    address_length = found->ai_addrlen;
    freeaddrinfo(found);
}

static void set_credentials(void) {
    if (option.auth == AUTH_DEFAULT) option.auth = option.client_secret ? AUTH_BASIC : AUTH_NONE;
    if (option.auth != AUTH_NONE && option.client_secret == NULL) die("--auth needs --client-secret");
    if (option.auth == AUTH_BASIC) {
        char pair[1024], value[1400];
        int length = snprintf(pair, sizeof pair, "%s:%s", option.client_id, option.client_secret);
        if (length >= (int)sizeof pair) die("the credentials are too long");
        base64(pair, value);
        snprintf(authorization, sizeof authorization, "Authorization: Basic %s\r\n", value);
        return;
    }
    buffer fields = {0};
    char *client_id = encoded(option.client_id);
    print(&fields, "&client_id=%s", client_id);
    free(client_id);
    if (option.auth == AUTH_POST) {
        char *client_secret = encoded(option.client_secret);
        print(&fields, "&client_secret=%s", client_secret);
        free(client_secret);
    }
    client_fields = fields.data;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    parse_options(count, arguments);
    resolve();
    set_credentials();

    token_list tokens = {0};
    if (option.work == INTROSPECT || option.work == REFRESH) {
        bool refresh = option.work == REFRESH;
        uint64_t wanted = option.count ? option.count : refresh ? (uint64_t)option.connections : 500;
        if (option.tokens != NULL) {
            read_tokens(&tokens, option.tokens);
        } else {
            obtain(&tokens, refresh ? LOGIN : option.token_source, wanted, refresh);
        }
        if (refresh && tokens.count < (size_t)option.connections) {
            die("%zu chains cannot keep %d connections busy", tokens.count, option.connections);
        }
    }

    thread *threads = calloc((size_t)option.threads, sizeof *threads);
    pthread_t *handles = calloc((size_t)option.threads, sizeof *handles);
    if (threads == NULL || handles == NULL) die("out of memory");
    uint64_t from = now_ns() + (uint64_t)(option.warmup * 1e9), until = from + (uint64_t)(option.seconds * 1e9);
    size_t first_chain = 0;
    for (int index = 0; index < option.threads; index++) {
        int share = option.connections / option.threads + (index < option.connections % option.threads);
        threads[index] = make_thread(index, option.threads, option.work, share);
        threads[index].measure_from = from;
        threads[index].measure_until = until;
        if (option.work == INTROSPECT || option.work == CLIENT_CREDENTIALS || option.work == PAGE) {
            prepare(&threads[index], &tokens);
            threads[index].prepared_next =
                threads[index].prepared_count * (size_t)index / (size_t)option.threads;
        }
        for (int each = 0; option.work == REFRESH && each < share; each++, first_chain++) {
            connection *connection = &threads[index].connections[each];
            size_t most = tokens.count / (size_t)option.connections + 1;
            connection->chain = calloc(most, sizeof *connection->chain);
            if (connection->chain == NULL) die("out of memory");
            for (size_t at = first_chain; at < tokens.count; at += (size_t)option.connections) {
                connection->chain[connection->chain_count++] = tokens.tokens[at];
            }
        }
        if (pthread_create(&handles[index], NULL, run_thread, &threads[index]) != 0) die("cannot start a thread");
    }

    sleep_until(from);
    uint64_t server_before = server_cpu(), database_before = database_cpu(), own_before = own_cpu();
    uint64_t rss_before = server_rss();
    sleep_until(until);
    uint64_t server_used = server_cpu() - server_before, database_used = database_cpu() - database_before;
    uint64_t own_used = own_cpu() - own_before;
    uint64_t rss = server_rss();

    size_t units = 0;
    uint64_t finished = 0, errors = 0, reconnects = 0;
    const char *first_error = "";
    for (int index = 0; index < option.threads; index++) {
        pthread_join(handles[index], NULL);
        units += threads[index].latency_count;
        finished += threads[index].finished;
        errors += threads[index].errors;
        reconnects += threads[index].reconnects;
        if (first_error[0] == '\0') first_error = threads[index].first_error;
    }
    uint32_t *latencies = grow(NULL, (units + 1) * sizeof *latencies);
    double sum = 0;
    for (size_t index = 0, at = 0; index < (size_t)option.threads; index++) {
        for (size_t each = 0; each < threads[index].latency_count; each++, at++) {
            latencies[at] = threads[index].latencies[each];
            sum += latencies[at];
        }
    }
    qsort(latencies, units, sizeof *latencies, compare);

    double rate = (double)units / option.seconds;
    double p50 = percentile(latencies, units, 0.50), p95 = percentile(latencies, units, 0.95);
    double p99 = percentile(latencies, units, 0.99), most = units ? latencies[units - 1] / 1000.0 : 0;
    double mean = units ? sum / (double)units / 1000.0 : 0;
    double server_ms = units ? (double)server_used / 1e6 / (double)units : 0;
    double own_ms = units ? (double)own_used / 1e6 / (double)units : 0;
    double database_ms = units ? (double)database_used / 1e6 / (double)units : 0;
    double server_share = (double)server_used / 1e7 / option.seconds;
    double own_share = (double)own_used / 1e7 / option.seconds;

    if (option.json) {
        printf("{\"work\":\"%s\",\"connections\":%d,\"threads\":%d,\"seconds\":%g,\"units\":%zu,\"finished\":%" PRIu64
               ",\"rate\":%.1f,"
               "\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"mean_ms\":%.3f,"
               "\"errors\":%" PRIu64 ",\"reconnects\":%" PRIu64 ",\"own_cpu_ms\":%.4f,\"own_cpu_percent\":%.1f",
               work_names[option.work], option.connections, option.threads, option.seconds, units, finished, rate, p50,
               p95, p99, most, mean, errors, reconnects, own_ms, own_share);
        if (option.pids != NULL) {
            printf(",\"server_cpu_ms\":%.4f,\"server_cpu_percent\":%.1f,\"rss_before_kib\":%" PRIu64
                   ",\"rss_kib\":%" PRIu64, server_ms, server_share, rss_before, rss);
        }
        if (option.database != NULL) printf(",\"database_cpu_ms\":%.4f", database_ms);
        printf(",\"first_error\":");
        print_json_string(first_error);
        puts("}");
    } else {
        printf("%s: %d connections, %d %s, %g s after %g s of warm-up\n", work_names[option.work], option.connections,
               option.threads, option.threads == 1 ? "thread" : "threads", option.seconds, option.warmup);
        printf("  rate       %10.1f /s   (%zu units)\n", rate, units);
        printf("  latency    p50 %.2f ms   p95 %.2f ms   p99 %.2f ms   max %.2f ms   mean %.2f ms\n", p50, p95, p99,
               most, mean);
        printf("  errors     %10" PRIu64 "%s%s\n", errors, errors ? "   first: " : "", first_error);
        if (reconnects) printf("  reconnects %10" PRIu64 "\n", reconnects);
        if (option.pids != NULL) {
            printf("  server     %10.4f ms CPU a unit (%.0f %% of a core), %.1f MB resident (%.1f MB before)\n",
                   server_ms, server_share, (double)rss / 1024, (double)rss_before / 1024);
        }
        if (option.database != NULL) printf("  database   %10.4f ms CPU a unit\n", database_ms);
        printf("  generator  %10.4f ms CPU a unit (%.0f %% of a core)\n", own_ms, own_share);
    }
    return units > 0 ? 0 : 1;
}
