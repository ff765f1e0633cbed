/* The reader of `zenithd bench`: many WebSocket clients in one process, which take every byte and check it.
 *
 * usage: reader PLAN SHARED RESULT
 *
 * PLAN (written by zenithd/bench/reader.py; little endian):
 *   u32 address (network order) | u32 port | u32 mode | u32 connections | u32 connections per second (0: no limit)
 *   u32 captured connections | u32 topics | u32 held (1: see standard input) | u32 blobs
 *   blobs:        u32 length | bytes
 *   connections:  u32 blob of the upgrade request | u32 blob sent after the upgrade (frames, masked)
 *
 * SHARED is mapped and read by the driver while we run: struct shared below.
 * RESULT is written at the end: for each (connection, topic) with data: u32 connection | u32 length of the
 * name | name | u64 messages | u64 digest; then, after a u32 0xffffffff, for each message of the captured
 * connections: u32 connection | u32 length | payload.
 *
 * Modes, i.e. what a message is:
 *   FIXED   the messages of the fan-out stage (zenithd/bench/messages.py): content, order and the number of
 *           every message are checked, latency is taken from the intended time that they carry
 *   ZENITH  messages of the Zenith protocol, JSON or MessagePack: digests per connection and topic;
 *           latency from the prices of trades of the probe instrument
 *   NATS    the FIXED messages in the protocol of NATS, several to a frame or cut anywhere
 *
 * Standard input, one letter each: r forgets latencies, c lets connections be made and s lets their frames be
 * sent (both are held back at first if the plan says so), q (or its end) ends. Nothing is printed but errors.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FIXED, ZENITH, NATS };
enum { BUFFER = 1 << 20, SUB_BITS = 6, BUCKETS = 64 << SUB_BITS, EVENTS = 512 };

struct shared {
    uint64_t connected, upgraded, frames, bytes, errors, closed, last_close, ready_ns;
    uint64_t latency_count, latency_max, resets;
    uint64_t latency[BUCKETS];
};

struct blob { uint32_t length; const uint8_t *bytes; };

struct topic { char *name; uint32_t length; uint64_t messages, digest; };

struct connection {
    int fd;
    uint32_t upgrade, after;
    int state; /* 0 connecting, 1 waiting for the upgrade, 2 open, 3 closed */
    uint8_t *kept; size_t kept_length;     /* a frame, or a head, of which the end is still to come */
    uint8_t *stream; size_t stream_length; /* NATS: the same for its own messages */
    uint64_t *sequence;                    /* FIXED: the last one by topic; allocated when first needed */
    struct topic *topics; uint32_t topics_count, topics_room;
};

static struct shared *shared;
static struct connection *connections;
static struct blob *blobs;
static uint32_t connections_count, mode, captured, topics_count, connections_held, frames_held;
static FILE *capture;
static int epoll;

static const char PREFIX[] = "{\"Controller\":\"Market\",\"Topic\":\"Depth!";
static const char MIDDLE[] = "\",\"Data\":\"";
enum { PREFIX_LENGTH = sizeof PREFIX - 1, TOPIC_DIGITS = 5, MIDDLE_LENGTH = sizeof MIDDLE - 1 };
enum { SEQUENCE_DIGITS = 12, TIME_DIGITS = 19, PAYLOAD = 200 };
enum { FILLER_AT = PREFIX_LENGTH + TOPIC_DIGITS + MIDDLE_LENGTH + SEQUENCE_DIGITS + 1 + TIME_DIGITS };
static uint8_t filler[PAYLOAD];

static void die(const char *what) { perror(what); exit(2); }

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fault(struct connection *c, const char *format, ...) {
    if (shared->errors++ < 20) {
        va_list list;
        va_start(list, format);
        fprintf(stderr, "reader: connection %ld: ", (long)(c - connections));
        vfprintf(stderr, format, list);
        fputc('\n', stderr);
        va_end(list);
    }
}

/* Latency: 64 buckets for each power of two, so no value is off by more than 1.6 %. */
static void observe(uint64_t ns) {
    uint64_t index = ns;
    if (ns >= (1u << SUB_BITS)) {
        int shift = 63 - __builtin_clzll(ns) - SUB_BITS;
        index = ((uint64_t)(shift + 1) << SUB_BITS) + ((ns >> shift) - (1u << SUB_BITS));
    }
    if (index >= BUCKETS) index = BUCKETS - 1;
    shared->latency[index]++;
    shared->latency_count++;
    if (ns > shared->latency_max) shared->latency_max = ns;
}

static int64_t digits(const uint8_t *at, int count) {
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = at[i] - '0';
        if (digit > 9) return -1;
        value = value * 10 + digit;
    }
    return value;
}

static void on_fixed(struct connection *c, const uint8_t *p, size_t length, uint64_t now) {
    if (length != PAYLOAD || memcmp(p, PREFIX, PREFIX_LENGTH) ||
        memcmp(p + PREFIX_LENGTH + TOPIC_DIGITS, MIDDLE, MIDDLE_LENGTH) ||
        memcmp(p + FILLER_AT, filler + FILLER_AT, PAYLOAD - FILLER_AT)) {
        fault(c, "a message of %zu bytes with other content", length);
        return;
    }
    int64_t topic = digits(p + PREFIX_LENGTH, TOPIC_DIGITS);
    const uint8_t *at = p + PREFIX_LENGTH + TOPIC_DIGITS + MIDDLE_LENGTH;
    int64_t sequence = digits(at, SEQUENCE_DIGITS);
    int64_t intended = digits(at + SEQUENCE_DIGITS + 1, TIME_DIGITS);
    if (topic < 0 || topic >= topics_count || sequence < 0 || intended < 0) {
        fault(c, "numbers that are none");
        return;
    }
    if (!c->sequence && !(c->sequence = calloc(topics_count, sizeof *c->sequence))) die("calloc");
    if ((uint64_t)sequence != c->sequence[topic] + 1)
        fault(c, "topic %ld: message %ld after %lu", (long)topic, (long)sequence, c->sequence[topic]);
    c->sequence[topic] = (uint64_t)sequence;
    if (intended) observe(now > (uint64_t)intended ? now - (uint64_t)intended : 0);
    shared->frames++;
}

/* Zenith: digests of what comes under each topic, so that subscribers can be compared with each other. */

static struct topic *find_topic(struct connection *c, const uint8_t *name, uint32_t length) {
    for (uint32_t i = 0; i < c->topics_count; i++)
        if (c->topics[i].length == length && !memcmp(c->topics[i].name, name, length)) return &c->topics[i];
    if (c->topics_count == c->topics_room) {
        c->topics_room = c->topics_room ? 2 * c->topics_room : 4;
        c->topics = realloc(c->topics, c->topics_room * sizeof *c->topics);
        if (!c->topics) die("realloc");
    }
    struct topic *topic = &c->topics[c->topics_count++];
    memset(topic, 0, sizeof *topic);
    topic->name = malloc(length + 1);
    memcpy(topic->name, name, length);
    topic->name[length] = 0;
    topic->length = length;
    topic->digest = 14695981039346656037u;
    return topic;
}

static uint64_t digest(uint64_t hash, const uint8_t *p, size_t length) {
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
        p += 8, length -= 8;
    }
    while (length--) hash = (hash ^ *p++) * 1099511628211u;
    return hash;
}

/* The intended time is the price of a probe's trade: JSON digits, or a MessagePack integer or double. */
static void on_probe(const uint8_t *p, size_t length, uint64_t now) {
    const uint8_t *at = memmem(p, length, "Price", 5);
    if (!at) return;
    at += 5;
    double value = 0;
    if (at[0] == '"') {
        value = strtod((const char *)at + 2, NULL);
    } else if (at[0] == 0xcf || at[0] == 0xcb) {
        uint64_t word;
        memcpy(&word, at + 1, 8);
        word = __builtin_bswap64(word);
        if (at[0] == 0xcf) value = (double)word;
        else memcpy(&value, &word, 8);
    } else if (at[0] == 0xce) {
        uint32_t word;
        memcpy(&word, at + 1, 4);
        value = ntohl(word);
    }
    uint64_t intended = (uint64_t)value * 1000; /* microseconds of the monotonic clock */
    if (intended) observe(now > intended ? now - intended : 0);
}

static void on_zenith(struct connection *c, const uint8_t *p, size_t length, uint64_t now) {
    const uint8_t *at = memmem(p, length < 96 ? length : 96, "Topic", 5);
    const uint8_t *name = NULL;
    uint32_t name_length = 0;
    if (at && at[5] == '"') {
        name = at + 8; /* ":" and the opening quote */
        const uint8_t *end = memchr(name, '"', (size_t)(p + length - name));
        name_length = end ? (uint32_t)(end - name) : 0;
    } else if (at && (at[5] & 0xe0) == 0xa0) {
        name = at + 6;
        name_length = at[5] & 0x1f;
    } else if (at && at[5] == 0xd9) {
        name = at + 7;
        name_length = at[6];
    }
    shared->frames++;
    if ((uint32_t)(c - connections) < captured && capture) {
        uint32_t head[2] = {(uint32_t)(c - connections), (uint32_t)length};
        fwrite(head, sizeof head, 1, capture);
        fwrite(p, length, 1, capture);
    }
    struct topic *topic = find_topic(c, name ? name : (const uint8_t *)"", name_length);
    topic->messages++;
    topic->digest = digest(topic->digest, p, length);
    if (name_length > 12 && !memcmp(name, "Trades!PROBE", 12)) on_probe(p, length, now);
}

static void keep(uint8_t **kept, size_t *kept_length, const uint8_t *from, size_t length) {
    free(*kept);
    *kept = NULL;
    *kept_length = length;
    if (length) {
        *kept = malloc(length);
        if (!*kept) die("malloc");
        memcpy(*kept, from, length);
    }
}

static void on_nats(struct connection *c, const uint8_t *p, size_t length, uint64_t now) {
    uint8_t *joined = NULL;
    if (c->stream_length) {
        joined = malloc(c->stream_length + length);
        if (!joined) die("malloc");
        memcpy(joined, c->stream, c->stream_length);
        memcpy(joined + c->stream_length, p, length);
        length += c->stream_length;
        p = joined;
    }
    const uint8_t *end = p + length;
    while (p < end) {
        const uint8_t *line = memchr(p, '\n', (size_t)(end - p));
        if (!line) break;
        if (!memcmp(p, "MSG ", 4)) {
            const uint8_t *number = line - 1;
            while (number > p && number[-1] != ' ') number--;
            size_t size = (size_t)atol((const char *)number);
            if ((size_t)(end - line) < size + 3) break;
            on_fixed(c, line + 1, size, now);
            p = line + 1 + size + 2;
        } else {
            if (*p == '-') fault(c, "%.*s", (int)(line - p), p);
            if (!memcmp(p, "PING", 4) && write(c->fd, "\x81\x86\0\0\0\0PONG\r\n", 12) != 12) fault(c, "PONG");
            p = line + 1;
        }
    }
    keep(&c->stream, &c->stream_length, p, (size_t)(end - p));
    free(joined);
}

static void closed(struct connection *c) {
    if (c->state != 3) {
        c->state = 3;
        shared->closed++;
        close(c->fd);
    }
}

static void on_control(struct connection *c, uint8_t opcode, const uint8_t *p, size_t length) {
    if (opcode == 8) {
        shared->last_close = length >= 2 ? (uint64_t)(p[0] << 8 | p[1]) : 1005;
        fault(c, "closed with %lu %.*s", shared->last_close, length > 2 ? (int)length - 2 : 0, p + 2);
    } else if (opcode == 9) {
        uint8_t pong[131] = {0x8a, (uint8_t)(0x80 | length)};
        memcpy(pong + 6, p, length);
        if (write(c->fd, pong, 6 + length) != (ssize_t)(6 + length)) fault(c, "pong not taken");
    }
}

/* Take all whole frames; return how much was taken. */
static size_t take_frames(struct connection *c, const uint8_t *p, size_t length, uint64_t now) {
    const uint8_t *start = p, *end = p + length;
    while (end - p >= 2) {
        size_t size = p[1] & 0x7f, head = 2;
        if (p[1] & 0x80) { fault(c, "a masked frame"); return length; }
        if (size == 126) {
            if (end - p < 4) break;
            size = (size_t)(p[2] << 8 | p[3]);
            head = 4;
        } else if (size == 127) {
            if (end - p < 10) break;
            uint64_t big;
            memcpy(&big, p + 2, 8);
            size = __builtin_bswap64(big);
            head = 10;
        }
        if ((size_t)(end - p) < head + size) break;
        uint8_t opcode = p[0];
        if (opcode == 0x81 || opcode == 0x82) {
            if (mode == FIXED) on_fixed(c, p + head, size, now);
            else if (mode == ZENITH) on_zenith(c, p + head, size, now);
            else on_nats(c, p + head, size, now);
        } else if ((opcode & 0x88) == 0x88) {
            on_control(c, opcode & 15, p + head, size);
        } else {
            fault(c, "a frame that begins with %02x", opcode);
        }
        p += head + size;
    }
    return (size_t)(p - start);
}

static void send_blob(struct connection *c, uint32_t index) {
    const struct blob *blob = &blobs[index];
    size_t sent = 0;
    while (sent < blob->length) { /* small, and the peer is reading: it fits */
        ssize_t n = send(c->fd, blob->bytes + sent, blob->length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) { usleep(200); continue; }
        if (n < 0) { fault(c, "send: %s", strerror(errno)); return; }
        sent += (size_t)n;
    }
}

static size_t take_upgrade(struct connection *c, const uint8_t *p, size_t length) {
    const uint8_t *end = memmem(p, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (length < 12 || memcmp(p, "HTTP/1.1 101", 12) ||
        !memmem(p, (size_t)(end - p) + 2, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28)) {
        fault(c, "refused: %.*s", (int)(end - p), p);
        return length;
    }
    c->state = 2;
    if (++shared->upgraded == connections_count) shared->ready_ns = now_ns();
    if (blobs[c->after].length && !frames_held) send_blob(c, c->after);
    return (size_t)(end + 4 - p);
}

static uint8_t *buffer;
static size_t buffer_room = BUFFER;

static void on_readable(struct connection *c) {
    if (c->kept_length + BUFFER > buffer_room) {
        buffer_room = c->kept_length + 2 * BUFFER;
        buffer = realloc(buffer, buffer_room);
        if (!buffer) die("realloc");
    }
    memcpy(buffer, c->kept, c->kept_length);
    ssize_t n = recv(c->fd, buffer + c->kept_length, BUFFER, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (c->state == 1) fault(c, "cut off in the upgrade: %s", n ? strerror(errno) : "end of file");
        closed(c);
        return;
    }
    uint64_t now = now_ns();
    shared->bytes += (uint64_t)n;
    size_t length = c->kept_length + (size_t)n, taken = 0;
    if (c->state == 1) taken = take_upgrade(c, buffer, length);
    if (c->state == 2) taken += take_frames(c, buffer + taken, length - taken, now);
    if (taken == 0 && c->kept_length == 0 && length == 0) return;
    keep(&c->kept, &c->kept_length, buffer + taken, length - taken);
}

static void on_writable(struct connection *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        fault(c, "connect: %s", strerror(error));
        closed(c);
        return;
    }
    shared->connected++;
    c->state = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
    send_blob(c, c->upgrade);
}

static void begin(struct connection *c, const struct sockaddr_in *address) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (const struct sockaddr *)address, sizeof *address) && errno != EINPROGRESS)
        die("connect");
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static void write_result(const char *path) {
    FILE *result = fopen(path, "wb");
    if (!result) die(path);
    for (uint32_t i = 0; i < connections_count; i++)
        for (uint32_t j = 0; j < connections[i].topics_count; j++) {
            struct topic *topic = &connections[i].topics[j];
            uint32_t head[2] = {i, topic->length};
            uint64_t tail[2] = {topic->messages, topic->digest};
            fwrite(head, sizeof head, 1, result);
            fwrite(topic->name, topic->length, 1, result);
            fwrite(tail, sizeof tail, 1, result);
        }
    if (capture) {
        uint32_t end = 0xffffffff;
        fwrite(&end, sizeof end, 1, result);
        rewind(capture);
        size_t n;
        while ((n = fread(buffer, 1, BUFFER, capture)) > 0) fwrite(buffer, 1, n, result);
    }
    if (fclose(result)) die(path);
}

static const uint8_t *read_plan(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    uint8_t *plan = malloc(length);
    if (!plan || fread(plan, 1, length, file) != length) die(path);
    fclose(file);
    return plan;
}

static uint32_t number(const uint8_t **at) {
    uint32_t value;
    memcpy(&value, *at, 4);
    *at += 4;
    return value;
}

static void obey(char letter) {
    if (letter == 'r') {
        memset(shared->latency, 0, sizeof shared->latency);
        shared->latency_count = shared->latency_max = 0;
        shared->resets++;
    } else if (letter == 'c') {
        connections_held = 0;
    } else if (letter == 's') {
        frames_held = 0;
        for (uint32_t i = 0; i < connections_count; i++)
            if (connections[i].state == 2) send_blob(&connections[i], connections[i].after);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: reader PLAN SHARED RESULT\n"); return 2; }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    const uint8_t *plan = read_plan(argv[1]);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = number(&plan);
    address.sin_port = htons((uint16_t)number(&plan));
    mode = number(&plan);
    connections_count = number(&plan);
    uint32_t per_second = number(&plan);
    captured = number(&plan);
    topics_count = number(&plan);
    connections_held = frames_held = number(&plan);
    uint32_t blobs_count = number(&plan);
    blobs = calloc(blobs_count, sizeof *blobs);
    for (uint32_t i = 0; i < blobs_count; i++) {
        blobs[i].length = number(&plan);
        blobs[i].bytes = plan;
        plan += blobs[i].length;
    }
    connections = calloc(connections_count, sizeof *connections);
    for (uint32_t i = 0; i < connections_count; i++) {
        connections[i].upgrade = number(&plan);
        connections[i].after = number(&plan);
    }
    int file = open(argv[2], O_RDWR);
    if (file < 0) die(argv[2]);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED) die("mmap");
    if (captured && !(capture = tmpfile())) die("tmpfile");
    memset(filler, '.', sizeof filler);
    filler[FILLER_AT] = ' ';
    filler[PAYLOAD - 2] = '"';
    filler[PAYLOAD - 1] = '}';
    buffer = malloc(buffer_room);
    epoll = epoll_create1(0);
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &input);

    uint64_t started = now_ns();
    uint32_t begun = 0;
    struct epoll_event events[EVENTS];
    for (;;) {
        int timeout = -1;
        if (begun < connections_count && !connections_held) {
            uint64_t due = connections_count;
            if (per_second) due = (now_ns() - started) * per_second / 1000000000u + 1;
            /* without a rate: no more under way than a backlog holds */
            while (begun < connections_count && begun < due && begun - shared->upgraded - shared->closed < 256)
                begin(&connections[begun++], &address);
            timeout = begun < connections_count ? 1 : -1;
        }
        int n = epoll_wait(epoll, events, EVENTS, timeout);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                char letter;
                if (read(0, &letter, 1) != 1 || letter == 'q') {
                    write_result(argv[3]);
                    return 0;
                }
                obey(letter);
                if (letter == 'c') started = now_ns();
            } else if (c->state == 0) {
                on_writable(c);
            } else if (c->state < 3) {
                on_readable(c);
            }
        }
    }
}
