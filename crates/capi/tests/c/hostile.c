/* What a peer or a careless caller can put into tokens, channel bindings and identities, at the edge of a page that cannot be touched. */
#define _DEFAULT_SOURCE

#include "hostile.h"

#define REQ (ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT)

/* The first leg's token in buffers of every length up to its own; the last fits. */
static void small_tokens(void)
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    CredHandle credential;
    CtxtHandle client, server;
    unsigned char *place;
    size_t length, enough = 0;
    SecBuffer in, out;
    SecBufferDesc input = descriptor(&in, 1), output = descriptor(&out, 1);
    unsigned char negotiate[2888];

    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    for (length = 1; enough == 0 && length < 2888; length++) {
        place = before_the_edge(length);
        memset(place, 0xA5, length);
        out = buffer(SECBUFFER_TOKEN, place, length);
        SecInvalidateHandle(&client);
        if (InitializeSecurityContextA(&credential, NULL, NULL, REQ, 0, 0, NULL, 0, &client, &output, NULL, NULL) != SEC_E_BUFFER_TOO_SMALL) {
            enough = length;
            CHECK(out.cbBuffer == length);
            memcpy(negotiate, place, length);
        } else {
            CHECK(out.cbBuffer == length && place[0] == 0xA5 && place[length - 1] == 0xA5 && !SecIsValidHandle(&client));
        }
        drop_the_edge(place, length);
    }
    CHECK(enough >= 32);
    in = buffer(SECBUFFER_TOKEN, negotiate, enough);
    for (length = 1; length < 2888; length++) {
        SECURITY_STATUS status;
        place = before_the_edge(length);
        out = buffer(SECBUFFER_TOKEN, place, length);
        status = AcceptSecurityContext(&credential, NULL, &input, 0, 0, &server, &output, NULL, NULL);
        if (status == SEC_I_CONTINUE_NEEDED) {
            /* On the client's next leg, a token that has no room ends the context. */
            SecBuffer challenge = buffer(SECBUFFER_TOKEN, place, out.cbBuffer), answer = buffer(SECBUFFER_TOKEN, negotiate, 20);
            SecBufferDesc challenges = descriptor(&challenge, 1), answers = descriptor(&answer, 1);
            CHECK(out.cbBuffer == length);
            STATUS(InitializeSecurityContextA(NULL, &client, NULL, REQ, 0, 0, &challenges, 0, NULL, &answers, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
            CHECK(answer.cbBuffer == 20);
            refuse_context(&client);
            drop_the_edge(place, length);
            break;
        }
        STATUS(status, SEC_E_BUFFER_TOO_SMALL);
        drop_the_edge(place, length);
    }
    STATUS(DeleteSecurityContext(&client), SEC_E_OK);
    STATUS(DeleteSecurityContext(&server), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
}

/* Tokens cut at every length, at the edge of a page. A failed leg leaves a context that can be deleted and does nothing else. */
static void cut_tokens(void)
{
    static unsigned char tokens[3][2888];
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    CredHandle credential;
    CtxtHandle client, server;
    size_t lengths[3], cut;
    SecBuffer in, out;
    SecBufferDesc input = descriptor(&in, 1), output = descriptor(&out, 1);

    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    for (cut = 0;; cut++) {
        SECURITY_STATUS status;
        unsigned char *place;

        out = buffer(SECBUFFER_TOKEN, tokens[0], sizeof tokens[0]);
        STATUS(InitializeSecurityContextA(&credential, NULL, NULL, REQ, 0, 0, NULL, 0, &client, &output, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        lengths[0] = out.cbBuffer;
        if (cut < 16) {
            place = before_the_edge(cut);
            memcpy(place, tokens[0], cut);
            in = buffer(SECBUFFER_TOKEN, place, cut);
            out = buffer(SECBUFFER_TOKEN, tokens[1], sizeof tokens[1]);
            STATUS(AcceptSecurityContext(&credential, NULL, &input, 0, 0, &server, &output, NULL, NULL), SEC_E_INVALID_TOKEN);
            drop_the_edge(place, cut);
        }
        in = buffer(SECBUFFER_TOKEN | SECBUFFER_READONLY, tokens[0], lengths[0]);
        out = buffer(SECBUFFER_TOKEN, tokens[1], sizeof tokens[1]);
        STATUS(AcceptSecurityContext(&credential, NULL, &input, 0, 0, &server, &output, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        lengths[1] = out.cbBuffer;

        /* The challenge, cut. */
        if (cut < lengths[1]) {
            place = before_the_edge(cut);
            memcpy(place, tokens[1], cut);
            in = buffer(SECBUFFER_TOKEN, place, cut);
            out = buffer(SECBUFFER_TOKEN, tokens[2], sizeof tokens[2]);
            STATUS(InitializeSecurityContextA(NULL, &client, NULL, REQ, 0, 0, &input, 0, &client, &output, NULL, NULL), SEC_E_INVALID_TOKEN);
            refuse_context(&client);
            STATUS(InitializeSecurityContextA(NULL, &client, NULL, REQ, 0, 0, &input, 0, &client, &output, NULL, NULL), SEC_E_OUT_OF_SEQUENCE);
            drop_the_edge(place, cut);
            STATUS(DeleteSecurityContext(&client), SEC_E_OK);
            out = buffer(SECBUFFER_TOKEN, tokens[0], sizeof tokens[0]);
            STATUS(InitializeSecurityContextA(&credential, NULL, NULL, REQ, 0, 0, NULL, 0, &client, &output, NULL, NULL), SEC_I_CONTINUE_NEEDED);
        }
        /* The authenticate, from and to the same memory, then cut. */
        in = buffer(SECBUFFER_TOKEN, tokens[1], lengths[1]);
        out = buffer(SECBUFFER_TOKEN, tokens[1], sizeof tokens[1]);
        STATUS(InitializeSecurityContextA(NULL, &client, NULL, REQ, 0, 0, &input, 0, &client, &output, NULL, NULL), SEC_E_OK);
        lengths[2] = out.cbBuffer;
        CHECK(memcmp(tokens[1], "NTLMSSP\0\3", 9) == 0);
        if (cut < lengths[2]) {
            place = before_the_edge(cut);
            memcpy(place, tokens[1], cut);
            in = buffer(SECBUFFER_TOKEN, place, cut);
            status = AcceptSecurityContext(NULL, &server, &input, 0, 0, &server, NULL, NULL, NULL);
            CHECK(status == SEC_E_INVALID_TOKEN || status == SEC_E_LOGON_DENIED || status == SEC_E_UNSUPPORTED_FUNCTION);
            refuse_context(&server);
            STATUS(AcceptSecurityContext(NULL, &server, &input, 0, 0, &server, NULL, NULL, NULL), SEC_E_OUT_OF_SEQUENCE);
            drop_the_edge(place, cut);
        } else {
            in = buffer(SECBUFFER_TOKEN, tokens[1], lengths[2]);
            STATUS(AcceptSecurityContext(NULL, &server, &input, 0, 0, &server, NULL, NULL, NULL), SEC_E_OK);
        }
        STATUS(DeleteSecurityContext(&client), SEC_E_OK);
        STATUS(DeleteSecurityContext(&server), SEC_E_OK);
        if (cut >= lengths[1] && cut >= lengths[2]) {
            break;
        }
    }
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
}

/* Channel bindings shorter than their header, or with parts outside; then good ones. */
static void channel_bindings(void)
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    CredHandle credential;
    CtxtHandle context;
    unsigned char *place = before_the_edge(32 + 8);
    SEC_CHANNEL_BINDINGS header = {0, 0, 0, 0, 0, 0, 8, 32};
    SecBuffer in[1], out = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc input = descriptor(in, 1), output = descriptor(&out, 1);
    ULONG odd[][2] = {{9, 32}, {8, 33}, {1, 0xFFFFFFFF}, {0xFFFFFFFF, 1}, {0xFFFFFFFF, 0xFFFFFFFF}, {8, 40}};
    size_t i;

    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    memset(place, 'b', 40);
    memcpy(place, &header, sizeof header);
    for (i = 0; i < 40; i++) {
        /* The end of the buffer stays at the edge. */
        in[0] = buffer(SECBUFFER_CHANNEL_BINDINGS, place + 40 - i, i);
        memmove(place + 40 - i, &header, i < sizeof header ? i : sizeof header);
        STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0, &context, &output, NULL, NULL),
               SEC_E_INVALID_TOKEN);
    }
    in[0] = buffer(SECBUFFER_CHANNEL_BINDINGS, NULL, 40);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0, &context, &output, NULL, NULL),
           SEC_E_INVALID_TOKEN);
    in[0] = buffer(SECBUFFER_CHANNEL_BINDINGS, place, 40);
    for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        int part;
        for (part = 0; part < 3; part++) {
            SEC_CHANNEL_BINDINGS changed = header;
            ULONG *length = part == 0   ? &changed.cbInitiatorLength
                            : part == 1 ? &changed.cbAcceptorLength
                                        : &changed.cbApplicationDataLength;
            length[0] = odd[i][0];
            length[1] = odd[i][1];
            memcpy(place, &changed, sizeof changed);
            STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0, &context, &output, NULL, NULL),
                   SEC_E_INVALID_TOKEN);
        }
    }
    memcpy(place, &header, sizeof header);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0, &context, &output, NULL, NULL),
           SEC_I_CONTINUE_NEEDED);
    STATUS(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(&context), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    drop_the_edge(place, 40);
}

/* Identities that say they are longer than they are. What is refused is not read: the memory ends behind it. */
static void identities(void)
{
    CredHandle credential;
    unsigned char *edge = before_the_edge(9);
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    SEC_WINNT_AUTH_IDENTITY_EXA ex;
    unsigned char ex2_memory[64];
    SEC_WINNT_AUTH_IDENTITY_EX2 ex2;
    ULONG lengths[] = {513, 512 + 32, 0x7FFFFFFF, 0xFFFFFFFF};
    size_t i;
#define ACQUIRE(identity, expected) \
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, (identity), NULL, NULL, &credential, NULL), (expected))

    memcpy(edge, "Passw0rd!", 9);
    identity.Password = edge;
    ACQUIRE(&identity, SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        identity = alice();
        identity.Password = edge;
        identity.PasswordLength = lengths[i];
        ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
        identity.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
        /* No more than there is. */
        identity.UserLength = identity.DomainLength = 2;
        ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    }
    identity = alice();
    identity.User = edge;
    identity.UserLength = 0x8000;
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    identity = alice();
    identity.Domain = NULL;
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    identity = alice();
    identity.Flags = 0;
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI | SEC_WINNT_AUTH_IDENTITY_UNICODE;
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI | SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED;
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    identity = user("al\xff", "EXAMPLE", "Passw0rd!");
    ACQUIRE(&identity, SEC_E_UNKNOWN_CREDENTIALS);
    /* What is absent is no error. */
    memset(&identity, 0, sizeof identity);
    identity.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
    ACQUIRE(&identity, SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);

    memset(&ex, 0, sizeof ex);
    ex.Version = SEC_WINNT_AUTH_IDENTITY_VERSION;
    ex.Length = sizeof ex;
    ex.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
    ex.User = (unsigned char *)(uintptr_t)"alice";
    ex.UserLength = 5;
    ACQUIRE(&ex, SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    ex.Length = 48;
    ACQUIRE(&ex, SEC_E_UNKNOWN_CREDENTIALS);
    ex.Length = sizeof ex;
    ex.PackageList = edge;
    ex.PackageListLength = 0xFFFF;
    ACQUIRE(&ex, SEC_E_UNKNOWN_CREDENTIALS);

    memset(&ex2, 0, sizeof ex2);
    ex2.Version = SEC_WINNT_AUTH_IDENTITY_VERSION_2;
    ex2.cbHeaderLength = 48;
    ex2.cbStructureLength = 58;
    ex2.UserOffset = 48;
    ex2.UserLength = 10;
    ex2.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
    memcpy(ex2_memory + 48, u"alice", 10);
#define EX2(expected)                              \
    do {                                           \
        memcpy(ex2_memory, &ex2, sizeof ex2);      \
        ACQUIRE(ex2_memory, expected);             \
    } while (0)
    EX2(SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    ex2.UserLength = 12;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.UserLength = 9;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.UserLength = 10;
    ex2.UserOffset = 0xFFFFFFFF;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.UserOffset = 4;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.UserOffset = 48;
    ex2.cbHeaderLength = 20;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.cbHeaderLength = 48;
    ex2.cbStructureLength = 47;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    ex2.cbStructureLength = 0xFFFFFFFF;
    EX2(SEC_E_UNKNOWN_CREDENTIALS);
    drop_the_edge(edge, 9);
}

int main(void)
{
    small_tokens();
    cut_tokens();
    channel_bindings();
    identities();
    return finish();
}
