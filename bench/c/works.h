/*
 * The works that are measured, and the program around them: PEER WORK SIZE MILLISECONDS prints one number, the rate per second; or "-" for what the peer cannot do.
 * ../rust/common/src and ../pyspnego_peer.py do the same.
 *
 *     handshake                 both sides, from the first token to the deletion of both contexts; credentials are reused
 *     handshake-message         the same, and a sealed message of 64 bytes each way
 *     seal, unseal, sign, verify    messages of SIZE bytes
 *     one-thread-WORK, two-threads-WORK    handshake or seal, by the clock on the wall, and the sum over the threads
 *     agreed                    no rate: flags in force, bytes of the CHALLENGE_MESSAGE and of the AUTHENTICATE_MESSAGE
 *     memory                    no rate: bytes of a half-open server context, of an established pair, and of one that has sent a message each way, as
 *                               malloc counts
 *     growth                    no rate: bytes by which the process grows in the last nine tenths of SIZE handshakes
 *
 * Rates count processor time of the process, but for the works with threads: measure.h.
 *
 * A peer includes this file at its end, and defines before it:
 *
 *     typedef ... Peer;       credentials of both sides
 *     typedef ... Context;    one side of a logon
 *     typedef ... Message;    a message on its way: the plaintext, what is sent, what has arrived
 *     void peer_start(Peer *, const Peer *first)          `first`: of the first thread, NULL in it
 *     void logon(Peer *, Context *client, Context *server, Tokens *)       Tokens may be NULL
 *     void half_open(Peer *, Context *client, Context *server)             until the server has sent its CHALLENGE_MESSAGE
 *     void end(Context *)
 *     void message_start(Message *, size_t size)          a plaintext of `size` bytes, each PLAIN
 *     int seal(Context *, Message *), unseal, sign, verify    whether it succeeded
 *     int is_sealed(const Message *), is_plain(const Message *)
 *     void damage(Message *)                              flips a bit of what was sealed or signed
 *     HAS_SIGNATURES                                      1 or 0
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

/* KEY_EXCH, 128, EXTENDED_SESSIONSECURITY, NTLM, SEAL, SIGN, UNICODE. */
#define WANTED 0x60080231u
#define MESSAGE 64
#define CONTEXTS 1000

/* Unsealing and verifying: so many bytes of messages are made beforehand, and stay in the processor's cache. */
#define BATCH (256 * 1024)
#define MOST_IN_BATCH 1024

typedef struct {
    Peer *peer;
    Clock now;
    Context client, server;
    Message *messages;
    size_t count;
    int (*give)(Context *, Message *);
    int (*take)(Context *, Message *);
} Work;

/* One message from one side to the other. */
static void pass(Context *from, Context *to, Message *message)
{
    CHECK(seal(from, message));
    CHECK(unseal(to, message));
}

static double handshakes(void *of_work, long times)
{
    Work *work = of_work;
    double start = work->now();
    while (times-- > 0) {
        logon(work->peer, &work->client, &work->server, NULL);
        end(&work->client);
        end(&work->server);
    }
    return work->now() - start;
}

static double handshakes_and_messages(void *of_work, long times)
{
    Work *work = of_work;
    double start = work->now();
    while (times-- > 0) {
        logon(work->peer, &work->client, &work->server, NULL);
        pass(&work->client, &work->server, work->messages);
        pass(&work->server, &work->client, work->messages);
        end(&work->client);
        end(&work->server);
    }
    return work->now() - start;
}

static double give(void *of_work, long times)
{
    Work *work = of_work;
    double start = work->now();
    while (times-- > 0) {
        CHECK(work->give(&work->server, work->messages));
    }
    return work->now() - start;
}

/* Only the taking counts. */
static double take(void *of_work, long times)
{
    Work *work = of_work;
    double took = 0, start;
    while (times > 0) {
        size_t i, count = (size_t)times < work->count ? (size_t)times : work->count;
        for (i = 0; i < count; i++) {
            CHECK(work->give(&work->client, &work->messages[i]));
        }
        start = work->now();
        for (i = 0; i < count; i++) {
            CHECK(work->take(&work->server, &work->messages[i]));
        }
        took += work->now() - start;
        for (i = 0; i < count; i++) {
            CHECK(is_plain(&work->messages[i]));
        }
        times -= (long)count;
    }
    return took;
}

static uint32_t number(const unsigned char *at, int bytes)
{
    uint32_t value = 0;
    while (bytes-- > 0) {
        value = value << 8 | at[bytes];
    }
    return value;
}

/* NTLMv2 with the MIC that MsvAvFlags announces, and the flags that are wanted. */
static void check_tokens(const Tokens *tokens)
{
    static const unsigned char no_mic[16];
    const unsigned char *message = tokens->authenticate, *pair;
    uint32_t length, offset, announced = 0;
    CHECK(tokens->authenticate_length > 88 && memcmp(message, "NTLMSSP\0\3\0\0\0", 12) == 0);
    CHECK((number(message + 60, 4) & WANTED) == WANTED);
    CHECK(memcmp(message + 72, no_mic, 16) != 0);
    length = number(message + 20, 2);
    offset = number(message + 24, 4);
    CHECK(length > 44 && offset + length <= tokens->authenticate_length);
    CHECK(message[offset + 16] == 1);
    pair = message + offset + 44;
    while (pair + 4 < message + offset + length && number(pair, 2) != 0) {
        announced |= number(pair, 2) == 6 ? number(pair + 4, 4) : 0;
        pair += 4 + number(pair + 2, 2);
    }
    CHECK(announced & 2);
}

/* A logon and messages each way are what they should be, and a changed message is found out. */
static void check_works(Peer *peer, Tokens *tokens, size_t size)
{
    Context client, server;
    Message message;
    int i;
    logon(peer, &client, &server, tokens);
    check_tokens(tokens);
    message_start(&message, size);
    for (i = 0; i < 4; i++) {
        Context *from = i % 2 ? &server : &client, *to = i % 2 ? &client : &server;
        CHECK(seal(from, &message) && is_sealed(&message));
        CHECK(unseal(to, &message) && is_plain(&message));
        if (HAS_SIGNATURES) {
            CHECK(sign(from, &message) && verify(to, &message) && is_plain(&message));
        }
    }
    CHECK(seal(&client, &message));
    damage(&message);
    CHECK(!unseal(&server, &message));
    end(&client);
    end(&server);
}

static size_t in_use(void)
{
    return mallinfo2().uordblks;
}

static void memory(Peer *peer, Message *message)
{
    static Context clients[CONTEXTS], servers[CONTEXTS];
    size_t before, half_opened, established, used;
    int i, round;
    for (round = 0; round < 2; round++) {
        before = in_use();
        for (i = 0; i < CONTEXTS; i++) {
            half_open(peer, &clients[i], &servers[i]);
            end(&clients[i]);
        }
        half_opened = in_use() - before;
        for (i = 0; i < CONTEXTS; i++) {
            end(&servers[i]);
        }
        before = in_use();
        for (i = 0; i < CONTEXTS; i++) {
            logon(peer, &clients[i], &servers[i], NULL);
        }
        established = in_use() - before;
        for (i = 0; i < CONTEXTS; i++) {
            pass(&clients[i], &servers[i], message);
            pass(&servers[i], &clients[i], message);
        }
        used = in_use() - before;
        for (i = 0; i < CONTEXTS; i++) {
            end(&clients[i]);
            end(&servers[i]);
        }
    }
    printf("%zu %zu %zu\n", half_opened / CONTEXTS, established / CONTEXTS, used / CONTEXTS);
}

static long resident(void)
{
    long all, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &all, &pages) == 2);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void growth(Work *work, long times)
{
    long before;
    handshakes(work, times / 10);
    before = resident();
    handshakes(work, times - times / 10);
    printf("%ld\n", resident() - before);
}

static void messages_start(Work *work, size_t size)
{
    size_t i;
    work->count = BATCH / size;
    work->count = work->count < 1 ? 1 : work->count > MOST_IN_BATCH ? MOST_IN_BATCH : work->count;
    work->messages = calloc(work->count, sizeof *work->messages);
    CHECK(work->messages != NULL);
    for (i = 0; i < work->count; i++) {
        message_start(&work->messages[i], size);
    }
}

/* A thread's share of a work with threads. */
typedef struct {
    const Peer *first;
    const char *name;
    size_t size;
    double budget, rate;
    pthread_barrier_t *barrier;
} Share;

static void *run_share(void *argument)
{
    Share *share = argument;
    Peer *peer = calloc(1, sizeof *peer);
    Work work = {.peer = peer, .now = wall_time, .give = seal};
    CHECK(peer != NULL);
    peer_start(peer, share->first);
    messages_start(&work, share->size == 0 ? MESSAGE : share->size);
    pthread_barrier_wait(share->barrier);
    if (strcmp(share->name, "handshake") == 0) {
        share->rate = rate(handshakes, &work, share->budget);
    } else {
        logon(peer, &work.client, &work.server, NULL);
        share->rate = rate(give, &work, share->budget);
    }
    return NULL;
}

static double in_threads(int threads, const Peer *first, const char *name, size_t size, double budget)
{
    Share shares[2];
    pthread_t ids[2];
    pthread_barrier_t barrier;
    double sum = 0;
    int i;
    CHECK(pthread_barrier_init(&barrier, NULL, (unsigned)threads) == 0);
    for (i = 0; i < threads; i++) {
        shares[i] = (Share){first, name, size, budget, 0, &barrier};
        CHECK(pthread_create(&ids[i], NULL, run_share, &shares[i]) == 0);
    }
    for (i = 0; i < threads; i++) {
        CHECK(pthread_join(ids[i], NULL) == 0);
        sum += shares[i].rate;
    }
    return sum;
}

int main(int count, char **arguments)
{
    static Peer peer;
    Tokens tokens = {0};
    Work work = {.peer = &peer, .now = processor_time};
    const char *name = count == 4 ? arguments[1] : "";
    size_t size = count == 4 ? strtoul(arguments[2], NULL, 10) : 0;
    double budget = count == 4 ? strtod(arguments[3], NULL) / 1000 : 0, result;
    size_t bytes = size == 0 || strcmp(name, "growth") == 0 ? MESSAGE : size;
    int signatures = strcmp(name, "sign") == 0 || strcmp(name, "verify") == 0;

    if (count != 4) {
        fprintf(stderr, "usage: %s WORK SIZE MILLISECONDS\n", arguments[0]);
        return 2;
    }
    peer_start(&peer, NULL);
    check_works(&peer, &tokens, bytes);
    messages_start(&work, bytes);
    work.give = strcmp(name, "sign") == 0 || strcmp(name, "verify") == 0 ? sign : seal;
    work.take = strcmp(name, "verify") == 0 ? verify : unseal;
    if (signatures && !HAS_SIGNATURES) {
        puts("-");
        return 0;
    } else if (strcmp(name, "agreed") == 0) {
        printf("0x%08x %zu %zu\n", number(tokens.authenticate + 60, 4), tokens.challenge_length, tokens.authenticate_length);
        return 0;
    } else if (strcmp(name, "memory") == 0) {
        memory(&peer, work.messages);
        return 0;
    } else if (strcmp(name, "growth") == 0) {
        growth(&work, (long)size);
        return 0;
    } else if (strcmp(name, "handshake") == 0) {
        result = rate(handshakes, &work, budget);
    } else if (strcmp(name, "handshake-message") == 0) {
        result = rate(handshakes_and_messages, &work, budget);
    } else if (strncmp(name, "one-thread-", 11) == 0) {
        result = in_threads(1, &peer, name + 11, size, budget);
    } else if (strncmp(name, "two-threads-", 12) == 0) {
        result = in_threads(2, &peer, name + 12, size, budget);
    } else {
        logon(&peer, &work.client, &work.server, NULL);
        if (strcmp(name, "seal") == 0 || strcmp(name, "sign") == 0) {
            result = rate(give, &work, budget);
        } else {
            CHECK(strcmp(name, "unseal") == 0 || strcmp(name, "verify") == 0);
            result = rate(take, &work, budget);
        }
    }
    printf("%.6e\n", result);
    return 0;
}
