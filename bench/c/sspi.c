/*
 * SSPI: libntlmsspi, or WinPR where WINPR is defined. The same calls, through the function table.
 *
 * WinPR has no authority: its server takes the password of its own credentials for that of any account. Accounts of libntlmsspi come from a callback that knows
 * the NT hash.
 */
#include <string.h>
#include <unistd.h>

#ifdef WINPR
#include <winpr/sspi.h>
#else
#include <sys/stat.h>

#include <ntlm_sspi.h>
#endif

#include "peer.h"

#ifdef WINPR
/* MakeSignature and VerifySignature of NTLM are unsupported in WinPR 2. */
#define HAS_SIGNATURES 0
#else
#define HAS_SIGNATURES 1
#endif
#define CLIENT_REQ (ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT | ISC_REQ_CONFIDENTIALITY | ISC_REQ_INTEGRITY)
#define SERVER_REQ (ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT | ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY)

typedef struct {
    PSecurityFunctionTableW table;
    CredHandle client, server;
    unsigned char tokens[3][LONGEST_TOKEN];
} Peer;

typedef struct {
    PSecurityFunctionTableW table;
    CtxtHandle handle;
} Context;

typedef struct {
    unsigned char token[16];
    unsigned char *data;
    size_t size;
} Message;

/* UTF-16 with its NUL, for good. */
static SEC_WCHAR *wide(const char *text)
{
    size_t i, length = strlen(text);
    SEC_WCHAR *units = calloc(length + 1, sizeof *units);
    CHECK(units != NULL);
    for (i = 0; i < length; i++) {
        units[i] = (SEC_WCHAR)text[i];
    }
    return units;
}

static SecBuffer buffer(ULONG type, void *data, size_t size)
{
    SecBuffer made;
    made.BufferType = type;
    made.cbBuffer = (ULONG)size;
    made.pvBuffer = data;
    return made;
}

static SecBufferDesc descriptor(SecBuffer *buffers, ULONG count)
{
    SecBufferDesc made;
    made.ulVersion = SECBUFFER_VERSION;
    made.cBuffers = count;
    made.pBuffers = buffers;
    return made;
}

#ifndef WINPR
static char path[] = "/tmp/ntlm-bench-XXXXXX";

static void remove_configuration(void)
{
    unlink(path);
}

/* The one account there is: `context` is its NT hash. */
static ULONG account(void *context, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict)
{
    (void)logon;
    verdict->Kind = NTLM_SSPI_VERDICT_NT_HASH;
    memcpy(verdict->Key, context, 16);
    return NTLM_SSPI_STATUS_SUCCESS;
}

/* The names and the policies of the core's benchmark; the process is both sides at once. */
static void configure(void)
{
    static const char text[] = "policy = 'strict'\ndangerous_answer_own_challenges = true\n"
                               "[server]\nnetbios_name = 'SERVER1'\nnetbios_domain = 'EXAMPLE'\ndns_name = 'server1'\n";
    static UCHAR hash[16];
    int file = mkstemp(path);
    CHECK(file >= 0 && write(file, text, sizeof text - 1) == (ssize_t)(sizeof text - 1) && close(file) == 0);
    atexit(remove_configuration);
    CHECK(setenv("NTLM_CONFIG", path, 1) == 0);
    CHECK(ntlm_sspi_nt_hash("Al1ce-Passw0rd", hash) == SEC_E_OK);
    CHECK(ntlm_sspi_set_authority(account, hash) == SEC_E_OK);
}
#endif

static void acquire(Peer *peer, ULONG usage, void *identity, CredHandle *credential)
{
    SECURITY_STATUS status =
        peer->table->AcquireCredentialsHandleW(NULL, wide("NTLM"), usage, NULL, identity, NULL, NULL, credential, NULL);
    CHECK(status == SEC_E_OK);
}

/* Threads share the credentials of libntlmsspi. WinPR's server writes into its credentials, so that its threads need their own. */
static void peer_start(Peer *peer, const Peer *first)
{
    SEC_WINNT_AUTH_IDENTITY_W identity;
    void *of_server = NULL;
    memset(&identity, 0, sizeof identity);
    identity.User = (void *)wide("alice");
    identity.UserLength = 5;
    identity.Domain = (void *)wide("EXAMPLE");
    identity.DomainLength = 7;
    identity.Password = (void *)wide("Al1ce-Passw0rd");
    identity.PasswordLength = 14;
    identity.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
#ifdef WINPR
    (void)first;
    CHECK(setenv("WLOG_LEVEL", "OFF", 1) == 0);
    of_server = &identity;
    peer->table = InitSecurityInterfaceW();
#else
    if (first != NULL) {
        *peer = *first;
        return;
    }
    configure();
    peer->table = InitSecurityInterfaceW();
#endif
    CHECK(peer->table != NULL);
    acquire(peer, SECPKG_CRED_OUTBOUND, &identity, &peer->client);
    acquire(peer, SECPKG_CRED_INBOUND, of_server, &peer->server);
}

static SECURITY_STATUS initialize(Peer *peer, Context *context, SecBuffer *input, SecBuffer *output)
{
    static SEC_WCHAR target[] = {'h', 'o', 's', 't', '/', 's', 'e', 'r', 'v', 'e', 'r', '1', 0};
    SecBufferDesc from = descriptor(input, 1), to = descriptor(output, 1);
    ULONG attributes;
    TimeStamp expiry;
    return peer->table->InitializeSecurityContextW(&peer->client, input == NULL ? NULL : &context->handle, target, CLIENT_REQ, 0,
                                                   SECURITY_NATIVE_DREP, input == NULL ? NULL : &from, 0, &context->handle, &to,
                                                   &attributes, &expiry);
}

static SECURITY_STATUS accept_leg(Peer *peer, Context *context, int first, SecBuffer *input, SecBuffer *output)
{
    SecBufferDesc from = descriptor(input, 1), to = descriptor(output, 1);
    ULONG attributes;
    TimeStamp expiry;
    SECURITY_STATUS status = peer->table->AcceptSecurityContext(&peer->server, first ? NULL : &context->handle, &from, SERVER_REQ,
                                                                SECURITY_NATIVE_DREP, &context->handle, &to, &attributes, &expiry);
    return status == SEC_I_COMPLETE_NEEDED ? peer->table->CompleteAuthToken(&context->handle, &to) : status;
}

/* Gives the CHALLENGE_MESSAGE. */
static SecBuffer begin(Peer *peer, Context *client, Context *server)
{
    SecBuffer negotiate = buffer(SECBUFFER_TOKEN, peer->tokens[0], LONGEST_TOKEN);
    SecBuffer challenge = buffer(SECBUFFER_TOKEN, peer->tokens[1], LONGEST_TOKEN);
    client->table = server->table = peer->table;
    CHECK(initialize(peer, client, NULL, &negotiate) == SEC_I_CONTINUE_NEEDED);
    CHECK(accept_leg(peer, server, 1, &negotiate, &challenge) == SEC_I_CONTINUE_NEEDED);
    return challenge;
}

static void half_open(Peer *peer, Context *client, Context *server)
{
    begin(peer, client, server);
}

static void logon(Peer *peer, Context *client, Context *server, Tokens *tokens)
{
    SecBuffer challenge = begin(peer, client, server);
    SecBuffer authenticate = buffer(SECBUFFER_TOKEN, peer->tokens[2], LONGEST_TOKEN);
    SecBuffer last = buffer(SECBUFFER_TOKEN, peer->tokens[0], LONGEST_TOKEN);
    CHECK(initialize(peer, client, &challenge, &authenticate) == SEC_E_OK);
    if (tokens != NULL) {
        memcpy(tokens->challenge, peer->tokens[1], tokens->challenge_length = challenge.cbBuffer);
        memcpy(tokens->authenticate, peer->tokens[2], tokens->authenticate_length = authenticate.cbBuffer);
    }
    CHECK(accept_leg(peer, server, 0, &authenticate, &last) == SEC_E_OK);
}

static void end(Context *context)
{
    CHECK(context->table->DeleteSecurityContext(&context->handle) == SEC_E_OK);
}

static void message_start(Message *message, size_t size)
{
    message->data = malloc(size);
    CHECK(message->data != NULL);
    memset(message->data, PLAIN, size);
    message->size = size;
}

#define BUFFERS                                                                                    \
    SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, message->token, sizeof message->token),          \
                          buffer(SECBUFFER_DATA, message->data, message->size)};                   \
    SecBufferDesc both = descriptor(parts, 2)

static int seal(Context *context, Message *message)
{
    BUFFERS;
    return context->table->EncryptMessage(&context->handle, 0, &both, 0) == SEC_E_OK;
}

static int unseal(Context *context, Message *message)
{
    ULONG quality;
    BUFFERS;
    return context->table->DecryptMessage(&context->handle, &both, 0, &quality) == SEC_E_OK;
}

static int sign(Context *context, Message *message)
{
    BUFFERS;
    return context->table->MakeSignature(&context->handle, 0, &both, 0) == SEC_E_OK;
}

static int verify(Context *context, Message *message)
{
    ULONG quality;
    BUFFERS;
    return context->table->VerifySignature(&context->handle, &both, 0, &quality) == SEC_E_OK;
}

static int is_plain(const Message *message)
{
    return message->data[0] == PLAIN && memcmp(message->data, message->data + 1, message->size - 1) == 0;
}

static int is_sealed(const Message *message)
{
    return !is_plain(message);
}

static void damage(Message *message)
{
    message->data[message->size / 2] ^= 1;
}

#include "works.h"
