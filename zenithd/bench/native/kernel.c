/* The kernel limit of `zenithd bench fanout`: what is left of a fan-out when everything but the kernel's own
 * work is nearly free. Everything due is published, then everybody who has something is written to, with one
 * send() for all of it. Subscribers of the very same topics share the bytes of a batch; for others they are
 * gathered in order.
 *
 * usage: kernel TOPICS
 * Prints "listening PORT". Understands the commands of every sender of the bench (zenithd/bench/senders.py)
 * on standard input, and "sub 1 2 3" from its subscribers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char PREFIX[] = "{\"Controller\":\"Market\",\"Topic\":\"Depth!";
static const char MIDDLE[] = "\",\"Data\":\"";
enum { HEADER = 4, PREFIX_LENGTH = sizeof PREFIX - 1, MIDDLE_LENGTH = sizeof MIDDLE - 1 };
enum { TOPIC_AT = HEADER + PREFIX_LENGTH, SEQUENCE_AT = TOPIC_AT + 5 + MIDDLE_LENGTH };
enum { TIME_AT = SEQUENCE_AT + 13, FRAME = HEADER + 200, EVENTS = 256 };
static const char ACCEPT[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

typedef uint8_t frame[FRAME];

/* Subscribers with the very same topics: they get the same bytes. */
struct set {
    uint32_t *topics, topics_count;
    const frame **pending;
    uint32_t pending_count, pending_room;
    struct subscriber **members;
    uint32_t members_count, members_room;
    int dirty;
};

struct subscriber {
    int fd;
    struct set *set;
    uint8_t *rest; /* what the kernel did not take */
    size_t rest_length;
    int waits;
    char head[4096];
    size_t head_length;
    int upgraded;
};

struct list { uint32_t *items, count, room; };

static uint32_t topics_count, sets_count, sets_room, dirty_count, random_state = 1, waiting;
static struct set *sets;
static struct list *sets_of_topic;
static uint32_t *dirty;
static uint64_t *sequences;
static frame template, *prepared;
static uint32_t prepared_count, prepared_next;
static uint32_t *prepared_topics;
static uint8_t *gathered;
static size_t gathered_room;
static int epoll, listener;

static void die(const char *what) { perror(what); exit(2); }

static void *grown(void *items, uint32_t room, size_t size) {
    items = realloc(items, room * size);
    if (!items) die("realloc");
    return items;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put_digits(uint8_t *at, int count, uint64_t value) {
    while (count--) { at[count] = (uint8_t)('0' + value % 10); value /= 10; }
}

static uint32_t next_topic(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % topics_count;
}

static void make(frame *f, uint32_t topic, uint64_t intended) {
    memcpy(*f, template, FRAME);
    put_digits(*f + TOPIC_AT, 5, topic);
    put_digits(*f + SEQUENCE_AT, 12, ++sequences[topic]);
    put_digits(*f + TIME_AT, 19, intended);
}

static void publish(const frame *f, uint32_t topic) {
    struct list *list = &sets_of_topic[topic];
    for (uint32_t i = 0; i < list->count; i++) {
        struct set *set = &sets[list->items[i]];
        if (set->pending_count == set->pending_room) {
            set->pending_room = set->pending_room ? 2 * set->pending_room : 64;
            set->pending = grown(set->pending, set->pending_room, sizeof *set->pending);
        }
        set->pending[set->pending_count++] = f;
        if (!set->dirty) { set->dirty = 1; dirty[dirty_count++] = list->items[i]; }
    }
}

static void write_out(struct subscriber *s, const uint8_t *data, size_t length) {
    ssize_t n = 0;
    if (!s->rest_length) {
        n = send(s->fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) die("send");
        if (n < 0) n = 0;
        if ((size_t)n == length) return;
    }
    s->rest = realloc(s->rest, s->rest_length + length - (size_t)n);
    if (!s->rest) die("realloc");
    memcpy(s->rest + s->rest_length, data + n, length - (size_t)n);
    s->rest_length += length - (size_t)n;
    if (!s->waits) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
        epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &event);
        s->waits = 1;
        waiting++;
    }
}

static void flush(void) {
    for (uint32_t i = 0; i < dirty_count; i++) {
        struct set *set = &sets[dirty[i]];
        size_t length = (size_t)set->pending_count * FRAME;
        if (length > gathered_room) {
            gathered_room = 2 * length;
            gathered = realloc(gathered, gathered_room);
            if (!gathered) die("realloc");
        }
        for (uint32_t j = 0; j < set->pending_count; j++) memcpy(gathered + j * FRAME, set->pending[j], FRAME);
        for (uint32_t j = 0; j < set->members_count; j++) write_out(set->members[j], gathered, length);
        set->pending_count = 0;
        set->dirty = 0;
    }
    dirty_count = 0;
}

static void subscribe(struct subscriber *s, char *text) {
    uint32_t *topics = NULL, count = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        topics = grown(topics, count + 1, sizeof *topics);
        topics[count++] = (uint32_t)atoi(word);
    }
    for (uint32_t i = 0; i < sets_count && !s->set; i++)
        if (sets[i].topics_count == count && !memcmp(sets[i].topics, topics, count * sizeof *topics))
            s->set = &sets[i];
    if (!s->set) {
        if (sets_count == sets_room) die("more sets than subscribers");
        s->set = &sets[sets_count];
        s->set->topics = topics;
        s->set->topics_count = count;
        for (uint32_t i = 0; i < count; i++) {
            struct list *list = &sets_of_topic[topics[i]];
            if (list->count == list->room) {
                list->room = list->room ? 2 * list->room : 4;
                list->items = grown(list->items, list->room, sizeof *list->items);
            }
            list->items[list->count++] = sets_count;
        }
        sets_count++;
    }
    struct set *set = s->set;
    if (set->members_count == set->members_room) {
        set->members_room = set->members_room ? 2 * set->members_room : 4;
        set->members = grown(set->members, set->members_room, sizeof *set->members);
    }
    set->members[set->members_count++] = s;
}

/* What a subscriber sends: a request to upgrade, then one masked frame with its topics (mask 0). */
static void on_readable(struct subscriber *s) {
    ssize_t n = recv(s->fd, s->head + s->head_length, sizeof s->head - 1 - s->head_length, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL); return; }
    s->head_length += (size_t)n;
    s->head[s->head_length] = 0;
    if (!s->upgraded) {
        char *end = strstr(s->head, "\r\n\r\n");
        if (!end) return;
        if (send(s->fd, ACCEPT, sizeof ACCEPT - 1, MSG_NOSIGNAL) < 0) die("send");
        s->upgraded = 1;
        s->head_length -= (size_t)(end + 4 - s->head);
        memmove(s->head, end + 4, s->head_length);
    }
    if (s->set || s->head_length < 2) return;
    size_t length = (uint8_t)s->head[1] & 0x7f, head = 6;
    if (length == 126) {
        if (s->head_length < 4) return;
        length = (size_t)((uint8_t)s->head[2] << 8 | (uint8_t)s->head[3]);
        head = 8;
    }
    if (s->head_length < head + length) return;
    s->head[head + length] = 0;
    subscribe(s, s->head + head + 4); /* after "sub " */
}

static void on_writable(struct subscriber *s) {
    ssize_t n = send(s->fd, s->rest, s->rest_length, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("send");
    if (n <= 0) return;
    s->rest_length -= (size_t)n;
    memmove(s->rest, s->rest + n, s->rest_length);
    if (!s->rest_length) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(epoll, EPOLL_CTL_MOD, s->fd, &event);
        s->waits = 0;
        waiting--;
    }
}

static void on_connection(void) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct subscriber *s = calloc(1, sizeof *s);
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        s->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void command(char *line);

static void turn(int timeout) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll, events, EVENTS, timeout);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == &listener) on_connection();
        else if (events[i].data.ptr == &epoll) {
            char line[256];
            ssize_t length = read(0, line, sizeof line - 1);
            if (length <= 0) exit(0);
            line[length] = 0;
            command(line);
        } else {
            struct subscriber *s = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) on_writable(s);
            if (events[i].events & ~(uint32_t)EPOLLOUT) on_readable(s);
        }
    }
}

static void prepare(uint32_t count) {
    prepared = grown(prepared, count, sizeof *prepared);
    prepared_topics = grown(prepared_topics, count, sizeof *prepared_topics);
    for (uint32_t i = 0; i < count; i++) make(&prepared[i], prepared_topics[i] = next_topic(), 0);
    prepared_count = count;
    prepared_next = 0;
}

static void batch(uint32_t count) {
    for (; count && prepared_next < prepared_count; count--, prepared_next++)
        publish(&prepared[prepared_next], prepared_topics[prepared_next]);
    flush();
    while (waiting) turn(-1);
}

/* Messages that are due are published together; their frames live until the flush after them. */
static void pace(double rate, double seconds) {
    enum { ROOM = 1 << 16 };
    static frame *made;
    if (!made) made = grown(NULL, ROOM, sizeof *made);
    uint64_t started = now_ns(), total = (uint64_t)(rate * seconds), sent = 0;
    while (sent < total) {
        uint64_t due = (uint64_t)((double)(now_ns() - started) * rate / 1e9) + 1;
        if (due > total) due = total;
        if (due > sent + ROOM) due = sent + ROOM;
        if (due == sent) {
            uint64_t next = started + (uint64_t)((double)sent * 1e9 / rate), now = now_ns();
            if (waiting) turn(0);
            else if (next > now) {
                struct timespec t = {0, (long)(next - now < 900000000 ? next - now : 900000000)};
                nanosleep(&t, NULL);
            }
            continue;
        }
        for (uint32_t i = 0; sent < due; sent++, i++) {
            uint32_t topic = next_topic();
            make(&made[i], topic, started + (uint64_t)((double)sent * 1e9 / rate));
            publish(&made[i], topic);
        }
        flush();
        if (waiting) turn(0);
    }
    while (waiting) turn(-1);
}

static void command(char *line) {
    double one = 0, two = 0;
    if (sscanf(line, "prepare %lf", &one) == 1) prepare((uint32_t)one);
    else if (sscanf(line, "batch %lf", &one) == 1) batch((uint32_t)one);
    else if (sscanf(line, "pace %lf %lf", &one, &two) == 2) pace(one, two);
    else exit(0);
    printf("done\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: kernel TOPICS\n"); return 2; }
    topics_count = (uint32_t)atoi(argv[1]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    sets_room = (uint32_t)limit.rlim_max;
    sets = calloc(sets_room, sizeof *sets);
    dirty = calloc(sets_room, sizeof *dirty);
    sets_of_topic = calloc(topics_count, sizeof *sets_of_topic);
    sequences = calloc(topics_count, sizeof *sequences);
    memset(template, '.', FRAME);
    memcpy(template, "\x81\x7e\x00\xc8", HEADER);
    memcpy(template + HEADER, PREFIX, PREFIX_LENGTH);
    memcpy(template + TOPIC_AT + 5, MIDDLE, MIDDLE_LENGTH);
    template[SEQUENCE_AT + 12] = template[TIME_AT + 19] = ' ';
    memcpy(template + FRAME - 2, "\"}", 2);

    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) die("listen");
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    event.data.ptr = &epoll;
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) turn(-1);
}
