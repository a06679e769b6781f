/* gss-ntlmssp, through MIT Kerberos' GSSAPI. Credentials and accounts come from the file that NTLM_USER_FILE names. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include "peer.h"

#define HAS_SIGNATURES 1

typedef struct {
    gss_cred_id_t client, server;
    gss_name_t target;
} Peer;

typedef gss_ctx_id_t Context;

/* GSSAPI allocates what it makes. */
typedef struct {
    gss_buffer_desc plain, sealed, signature, opened;
} Message;

static gss_OID_desc mechanism = {10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};
static gss_OID_set_desc mechanisms = {1, &mechanism};

/* 1.3.6.1.4.1.7165.655.1.2: a SPNEGO layer asks with it whether there will be a MIC, and having been asked, the mechanism sends one. */
static gss_OID_desc require_mic = {11, "\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f\x01\x02"};

static void release(gss_buffer_desc *buffer)
{
    OM_uint32 minor;
    if (buffer->value != NULL) {
        gss_release_buffer(&minor, buffer);
    }
}

static gss_name_t name(const char *text, gss_OID type)
{
    gss_buffer_desc buffer = {strlen(text), (void *)(size_t)text};
    gss_name_t made;
    OM_uint32 minor;
    CHECK(gss_import_name(&minor, &buffer, type, &made) == GSS_S_COMPLETE);
    return made;
}

/* The accounts, in memory. */
static void configure(void)
{
    static const char account[] = "EXAMPLE:alice:Al1ce-Passw0rd\n";
    char path[64];
    int file = memfd_create("accounts", 0);
    CHECK(file >= 0 && write(file, account, sizeof account - 1) == (ssize_t)(sizeof account - 1));
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), file);
    CHECK(setenv("NTLM_USER_FILE", path, 1) == 0);
    CHECK(setenv("NETBIOS_COMPUTER_NAME", "SERVER1", 1) == 0 && setenv("NETBIOS_DOMAIN_NAME", "EXAMPLE", 1) == 0);
}

/* Threads share the credentials. */
static void peer_start(Peer *peer, const Peer *first)
{
    OM_uint32 minor;
    if (first != NULL) {
        *peer = *first;
        return;
    }
    configure();
    CHECK(gss_acquire_cred(&minor, name("EXAMPLE\\alice", GSS_C_NT_USER_NAME), GSS_C_INDEFINITE, &mechanisms, GSS_C_INITIATE,
                           &peer->client, NULL, NULL) == GSS_S_COMPLETE);
    CHECK(gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT, &peer->server, NULL, NULL) ==
          GSS_S_COMPLETE);
    peer->target = name("host@server1", GSS_C_NT_HOSTBASED_SERVICE);
}

static OM_uint32 initialize(Peer *peer, Context *context, gss_buffer_desc *input, gss_buffer_desc *output)
{
    OM_uint32 minor, flags = GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG;
    return gss_init_sec_context(&minor, peer->client, context, peer->target, &mechanism, flags, 0, GSS_C_NO_CHANNEL_BINDINGS, input,
                                NULL, output, NULL, NULL);
}

static OM_uint32 accept_leg(Peer *peer, Context *context, gss_buffer_desc *input, gss_buffer_desc *output)
{
    OM_uint32 minor;
    return gss_accept_sec_context(&minor, context, peer->server, input, GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, output, NULL, NULL, NULL);
}

/* Gives the CHALLENGE_MESSAGE. */
static gss_buffer_desc begin(Peer *peer, Context *client, Context *server)
{
    gss_buffer_desc negotiate = GSS_C_EMPTY_BUFFER, challenge = GSS_C_EMPTY_BUFFER;
    *client = *server = GSS_C_NO_CONTEXT;
    CHECK(initialize(peer, client, GSS_C_NO_BUFFER, &negotiate) == GSS_S_CONTINUE_NEEDED);
    CHECK(accept_leg(peer, server, &negotiate, &challenge) == GSS_S_CONTINUE_NEEDED);
    release(&negotiate);
    return challenge;
}

static void half_open(Peer *peer, Context *client, Context *server)
{
    gss_buffer_desc challenge = begin(peer, client, server);
    release(&challenge);
}

static void logon(Peer *peer, Context *client, Context *server, Tokens *tokens)
{
    gss_buffer_desc challenge = begin(peer, client, server), authenticate = GSS_C_EMPTY_BUFFER, last = GSS_C_EMPTY_BUFFER;
    gss_buffer_set_t answer = GSS_C_NO_BUFFER_SET;
    OM_uint32 minor;
    CHECK(gss_inquire_sec_context_by_oid(&minor, *client, &require_mic, &answer) == GSS_S_COMPLETE);
    gss_release_buffer_set(&minor, &answer);
    CHECK(initialize(peer, client, &challenge, &authenticate) == GSS_S_COMPLETE);
    if (tokens != NULL) {
        CHECK(challenge.length <= LONGEST_TOKEN && authenticate.length <= LONGEST_TOKEN);
        memcpy(tokens->challenge, challenge.value, tokens->challenge_length = challenge.length);
        memcpy(tokens->authenticate, authenticate.value, tokens->authenticate_length = authenticate.length);
    }
    CHECK(accept_leg(peer, server, &authenticate, &last) == GSS_S_COMPLETE);
    release(&challenge);
    release(&authenticate);
    release(&last);
}

static void end(Context *context)
{
    OM_uint32 minor;
    CHECK(gss_delete_sec_context(&minor, context, GSS_C_NO_BUFFER) == GSS_S_COMPLETE);
}

static void message_start(Message *message, size_t size)
{
    memset(message, 0, sizeof *message);
    message->plain.value = malloc(size);
    CHECK(message->plain.value != NULL);
    memset(message->plain.value, PLAIN, size);
    message->plain.length = size;
}

static int seal(Context *context, Message *message)
{
    OM_uint32 minor;
    int encrypted = 0;
    release(&message->sealed);
    return gss_wrap(&minor, *context, 1, GSS_C_QOP_DEFAULT, &message->plain, &encrypted, &message->sealed) == GSS_S_COMPLETE && encrypted;
}

static int unseal(Context *context, Message *message)
{
    OM_uint32 minor;
    release(&message->opened);
    return gss_unwrap(&minor, *context, &message->sealed, &message->opened, NULL, NULL) == GSS_S_COMPLETE;
}

static int sign(Context *context, Message *message)
{
    OM_uint32 minor;
    release(&message->signature);
    return gss_get_mic(&minor, *context, GSS_C_QOP_DEFAULT, &message->plain, &message->signature) == GSS_S_COMPLETE;
}

static int verify(Context *context, Message *message)
{
    OM_uint32 minor;
    return gss_verify_mic(&minor, *context, &message->plain, &message->signature, NULL) == GSS_S_COMPLETE;
}

/* What was unsealed, where anything was. */
static int is_plain(const Message *message)
{
    return message->opened.value == NULL || (message->opened.length == message->plain.length &&
                                             memcmp(message->opened.value, message->plain.value, message->plain.length) == 0);
}

static int is_sealed(const Message *message)
{
    return message->sealed.length == 16 + message->plain.length &&
           memcmp((char *)message->sealed.value + 16, message->plain.value, message->plain.length) != 0;
}

static void damage(Message *message)
{
    ((char *)message->sealed.value)[message->sealed.length / 2] ^= 1;
}

#include "works.h"
