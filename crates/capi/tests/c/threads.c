/*
 * Eight threads: each with contexts of its own; all with the same contexts, in both directions at once; with contexts and credentials that go away during
 * calls; in one leg. usage: threads [ROUNDS]
 */
#define _DEFAULT_SOURCE

#include "check.h"
#include "threads.h"

#define REQ (ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT)
#define LENGTH 700

static unsigned long rounds = 50;

/* A message on its way. */
typedef struct Message {
    unsigned char signature[16];
    unsigned char text[LENGTH];
} Message;

static SecBufferDesc parts_of(Message *message, SecBuffer parts[2])
{
    parts[0] = buffer(SECBUFFER_TOKEN, message->signature, sizeof message->signature);
    parts[1] = buffer(SECBUFFER_DATA, message->text, sizeof message->text);
    return descriptor(parts, 2);
}

static SECURITY_STATUS encrypt(CtxtHandle *context, Message *message, unsigned char fill)
{
    SecBuffer parts[2];
    SecBufferDesc description = parts_of(message, parts);
    memset(message->text, fill, sizeof message->text);
    return EncryptMessage(context, 0, &description, 0);
}

static SECURITY_STATUS decrypt(CtxtHandle *context, Message *message)
{
    SecBuffer parts[2];
    SecBufferDesc description = parts_of(message, parts);
    return DecryptMessage(context, &description, 0, NULL);
}

static int filled(const Message *message, unsigned char fill)
{
    size_t i;
    for (i = 0; i < sizeof message->text && message->text[i] == fill; i++) {
    }
    return i == sizeof message->text;
}

/* Each thread has contexts of its own. What went wrong is a thread's own, too. */
static void own_contexts(void *argument, unsigned number)
{
    unsigned long round;
    (void)argument;
    for (round = 0; round < rounds; round++) {
        Pair pair;
        Message message;
        unsigned char fill = (unsigned char)(number + 8 * round);
        int i;
        STATUS(establish(&pair, REQ, 0), SEC_E_OK);
        for (i = 0; i < 4; i++) {
            CtxtHandle *from = i % 2 == 0 ? &pair.client : &pair.server, *to = i % 2 == 0 ? &pair.server : &pair.client;
            STATUS(encrypt(from, &message, fill), SEC_E_OK);
            CHECK(!filled(&message, fill));
            STATUS(decrypt(to, &message), SEC_E_OK);
            CHECK(filled(&message, fill));
        }
        STATUS(EncryptMessage(&pair.client, 0, NULL, 0), SEC_E_INVALID_TOKEN);
        CHECK(strstr(ntlm_sspi_last_error(), "EncryptMessage") != NULL);
        end(&pair);
    }
}

/* Where messages of one direction wait: one thread puts them in, one takes them out. */
typedef struct Way {
    CtxtHandle *from, *to;
    Message messages[64];
    unsigned long put, taken;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} Way;

static void send_all(Way *way, unsigned long count)
{
    unsigned long i;
    for (i = 0; i < count; i++) {
        pthread_mutex_lock(&way->lock);
        while (way->put - way->taken == 64) {
            pthread_cond_wait(&way->changed, &way->lock);
        }
        pthread_mutex_unlock(&way->lock);
        STATUS(encrypt(way->from, &way->messages[i % 64], (unsigned char)i), SEC_E_OK);
        pthread_mutex_lock(&way->lock);
        way->put++;
        pthread_cond_broadcast(&way->changed);
        pthread_mutex_unlock(&way->lock);
    }
}

static void receive_all(Way *way, unsigned long count)
{
    unsigned long i;
    for (i = 0; i < count; i++) {
        pthread_mutex_lock(&way->lock);
        while (way->put == way->taken) {
            pthread_cond_wait(&way->changed, &way->lock);
        }
        pthread_mutex_unlock(&way->lock);
        STATUS(decrypt(way->to, &way->messages[i % 64]), SEC_E_OK);
        CHECK(filled(&way->messages[i % 64], (unsigned char)i));
        pthread_mutex_lock(&way->lock);
        way->taken++;
        pthread_cond_broadcast(&way->changed);
        pthread_mutex_unlock(&way->lock);
    }
}

static void ask(CtxtHandle *context, unsigned long count)
{
    unsigned long i;
    for (i = 0; i < count; i++) {
        SecPkgContext_NamesA names;
        SecPkgContext_Sizes sizes;
        STATUS(QueryContextAttributesA(context, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
        CHECK(strcmp(names.sUserName, "EXAMPLE\\alice") == 0);
        STATUS(FreeContextBuffer(names.sUserName), SEC_E_OK);
        STATUS(QueryContextAttributesW(context, SECPKG_ATTR_SIZES, &sizes), SEC_E_OK);
        STATUS(ImpersonateSecurityContext(context), SEC_E_NO_IMPERSONATION);
    }
}

/* Two contexts, each of which encrypts in one thread, decrypts in another, and is asked by two more. */
static void both_directions(void *argument, unsigned number)
{
    Way *ways = (Way *)argument;
    Way *way = &ways[number / 2 % 2];
    unsigned long count = 40 * rounds;
    if (number >= 4) {
        ask(number % 2 == 0 ? way->from : way->to, rounds);
    } else if (number % 2 == 0) {
        send_all(way, count);
    } else {
        receive_all(way, count);
    }
}

static void shared_context(void)
{
    static Way ways[2];
    Pair pair;
    unsigned i;
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    for (i = 0; i < 2; i++) {
        ways[i].from = i == 0 ? &pair.client : &pair.server;
        ways[i].to = i == 0 ? &pair.server : &pair.client;
        pthread_mutex_init(&ways[i].lock, NULL);
        pthread_cond_init(&ways[i].changed, NULL);
    }
    together(THREADS, both_directions, ways);
    for (i = 0; i < 2; i++) {
        pthread_mutex_destroy(&ways[i].lock);
        pthread_cond_destroy(&ways[i].changed);
    }
    end(&pair);
}

/* All threads encrypt with one context. Each message has a number of its own, in whose order the peer can read them all. */
typedef struct Crowd {
    Pair pair;
    Message messages[THREADS * 32];
} Crowd;

static void encrypt_in_a_crowd(void *argument, unsigned number)
{
    Crowd *crowd = (Crowd *)argument;
    int i;
    for (i = 0; i < 32; i++) {
        STATUS(encrypt(&crowd->pair.client, &crowd->messages[number * 32 + i], (unsigned char)number), SEC_E_OK);
    }
}

static void one_direction(void)
{
    static Crowd crowd;
    unsigned due, i;
    STATUS(establish(&crowd.pair, REQ, 0), SEC_E_OK);
    together(THREADS, encrypt_in_a_crowd, &crowd);
    for (due = 0; due < THREADS * 32; due++) {
        unsigned found = 0;
        for (i = 0; i < THREADS * 32; i++) {
            const unsigned char *sequence = crowd.messages[i].signature + 12;
            if (sequence[0] == (due & 0xFF) && sequence[1] == due >> 8 && sequence[2] == 0 && sequence[3] == 0) {
                found++;
                STATUS(decrypt(&crowd.pair.server, &crowd.messages[i]), SEC_E_OK);
                CHECK(filled(&crowd.messages[i], (unsigned char)(i / 32)));
                break;
            }
        }
        CHECK(found == 1);
    }
    end(&crowd.pair);
}

/* A context that goes away during calls: it works, and then it does not. */
static void use_until_gone(CtxtHandle *context, unsigned number)
{
    unsigned long calls;
    Message message;
    SecPkgContext_NamesW names;
    SECURITY_STATUS status = SEC_E_OK;
    for (calls = 0; calls < 100000 && status != SEC_E_INVALID_HANDLE; calls++) {
        switch (number % 4) {
        case 0:
            status = encrypt(context, &message, 1);
            CHECK(status == SEC_E_OK || status == SEC_E_INVALID_HANDLE);
            break;
        case 1:
            memset(&message, 0, sizeof message);
            message.signature[0] = 1;
            status = decrypt(context, &message);
            CHECK(status == SEC_E_MESSAGE_ALTERED || status == SEC_E_INVALID_HANDLE);
            break;
        case 2:
            status = QueryContextAttributesW(context, SECPKG_ATTR_NAMES, &names);
            CHECK(status == SEC_E_OK || status == SEC_E_INVALID_HANDLE);
            if (status == SEC_E_OK) {
                CHECK(wide_equal(names.sUserName, "EXAMPLE\\alice"));
                STATUS(FreeContextBuffer(names.sUserName), SEC_E_OK);
            }
            break;
        default:
            status = ImpersonateSecurityContext(context);
            CHECK(status == SEC_E_NO_IMPERSONATION || status == SEC_E_INVALID_HANDLE);
        }
    }
    CHECK(status == SEC_E_INVALID_HANDLE);
    STATUS(encrypt(context, &message, 1), SEC_E_INVALID_HANDLE);
}

static void deleted_during_calls(void *argument, unsigned number)
{
    CtxtHandle *context = (CtxtHandle *)argument;
    if (number < 6) {
        use_until_gone(context, number);
    } else {
        STATUS(DeleteSecurityContext(context), SEC_E_OK);
        STATUS(ImpersonateSecurityContext(context), SEC_E_INVALID_HANDLE);
    }
}

/* The same by an export: of two, one gets the session. */
typedef struct Exported {
    CtxtHandle *context;
    SecBuffer packed[2];
    SECURITY_STATUS status[2];
} Exported;

static void exported_during_calls(void *argument, unsigned number)
{
    Exported *exported = (Exported *)argument;
    if (number < 6) {
        use_until_gone(exported->context, number);
    } else {
        exported->status[number - 6] =
            ExportSecurityContext(exported->context, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &exported->packed[number - 6], NULL);
    }
}

/* One leg, eight threads: one of them plays it. */
typedef struct Legs {
    CtxtHandle *context;
    const unsigned char *token;
    ULONG length;
    SECURITY_STATUS status[THREADS];
    SecBuffer out[THREADS];
} Legs;

static void same_leg(void *argument, unsigned number)
{
    Legs *legs = (Legs *)argument;
    SecBuffer in = buffer(SECBUFFER_TOKEN, (void *)(uintptr_t)legs->token, legs->length);
    SecBufferDesc input = descriptor(&in, 1), output = descriptor(&legs->out[number], 1);
    legs->out[number] = buffer(SECBUFFER_TOKEN, NULL, 0);
    legs->status[number] = InitializeSecurityContextA(NULL, legs->context, "test/server", REQ | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input,
                                                      0, NULL, &output, NULL, NULL);
}

/* A credential that is freed while contexts are made of it. */
static void credential_goes(void *argument, unsigned number)
{
    CredHandle *credential = (CredHandle *)argument;
    unsigned char token[2888];
    SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;
    unsigned long calls;
    if (number == 7) {
        STATUS(FreeCredentialsHandle(credential), SEC_E_OK);
        return;
    }
    for (calls = 0; calls < 100000 && status == SEC_I_CONTINUE_NEEDED; calls++) {
        CtxtHandle context;
        SecBuffer out = buffer(SECBUFFER_TOKEN, token, sizeof token);
        SecBufferDesc output = descriptor(&out, 1);
        status = InitializeSecurityContextA(credential, NULL, NULL, REQ, 0, 0, NULL, 0, &context, &output, NULL, NULL);
        if (status == SEC_I_CONTINUE_NEEDED) {
            STATUS(DeleteSecurityContext(&context), SEC_E_OK);
        }
    }
    CHECK(status == SEC_E_INVALID_HANDLE);
}

static void going_away(void)
{
    unsigned long round;
    for (round = 0; round < rounds; round++) {
        Pair pair;
        STATUS(establish(&pair, REQ, 0), SEC_E_OK);
        together(THREADS, deleted_during_calls, &pair.client);
        {
            Exported exported;
            int winner;
            memset(&exported, 0, sizeof exported);
            exported.context = &pair.server;
            together(THREADS, exported_during_calls, &exported);
            winner = exported.status[0] == SEC_E_OK ? 0 : 1;
            STATUS(exported.status[winner], SEC_E_OK);
            STATUS(exported.status[1 - winner], SEC_E_INVALID_HANDLE);
            CHECK(exported.packed[1 - winner].pvBuffer == NULL);
            STATUS(ImportSecurityContextA("NTLM", &exported.packed[winner], NULL, &pair.server), SEC_E_OK);
            STATUS(FreeContextBuffer(exported.packed[winner].pvBuffer), SEC_E_OK);
        }
        {
            SEC_WINNT_AUTH_IDENTITY_A identity = alice();
            CredHandle credential;
            STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
            together(THREADS, credential_goes, &credential);
        }
        end(&pair);
    }
}

static void one_leg(void)
{
    unsigned long round;
    for (round = 0; round < rounds; round++) {
        SEC_WINNT_AUTH_IDENTITY_A identity = alice();
        unsigned char memory[2][2888];
        CredHandle client_credential, server_credential;
        CtxtHandle client, server;
        SecBuffer negotiate = buffer(SECBUFFER_TOKEN, memory[0], sizeof memory[0]);
        SecBuffer challenge = buffer(SECBUFFER_TOKEN, memory[1], sizeof memory[1]);
        SecBufferDesc first = descriptor(&negotiate, 1), second = descriptor(&challenge, 1);
        Legs legs;
        unsigned i, played = 0;
        STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &client_credential, NULL), SEC_E_OK);
        STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &server_credential, NULL), SEC_E_OK);
        STATUS(InitializeSecurityContextA(&client_credential, NULL, NULL, REQ, 0, 0, NULL, 0, &client, &first, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        STATUS(AcceptSecurityContext(&server_credential, NULL, &first, 0, 0, &server, &second, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        legs.context = &client;
        legs.token = memory[1];
        legs.length = challenge.cbBuffer;
        together(THREADS, same_leg, &legs);
        for (i = 0; i < THREADS; i++) {
            if (legs.status[i] == SEC_E_OK) {
                played++;
                STATUS(FreeContextBuffer(legs.out[i].pvBuffer), SEC_E_OK);
            } else {
                STATUS(legs.status[i], SEC_E_OUT_OF_SEQUENCE);
                CHECK(legs.out[i].pvBuffer == NULL);
            }
        }
        CHECK(played == 1);
        STATUS(DeleteSecurityContext(&client), SEC_E_OK);
        STATUS(DeleteSecurityContext(&server), SEC_E_OK);
        STATUS(FreeCredentialsHandle(&client_credential), SEC_E_OK);
        STATUS(FreeCredentialsHandle(&server_credential), SEC_E_OK);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 10);
    }
    begin();
    together(THREADS, own_contexts, NULL);
    shared_context();
    one_direction();
    going_away();
    one_leg();
    return finish();
}
