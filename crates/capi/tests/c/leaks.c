/*
 * Many handshakes, of which nothing may stay: no handle, no block of memory, no page.
 *
 * usage: leaks [HANDSHAKES] [unmeasured]
 *
 * The resident memory after a tenth of them is that after all of them. "unmeasured" is for runs under tools that keep freed memory.
 */
#include "check.h"

#define REQ (ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT)

/* What the allocator and the kernel may do by themselves. */
#define SLACK_KIB 256

/* VmRSS in KiB. */
static long resident(void)
{
    char line[256];
    long found = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            found = strtol(line + 6, NULL, 10);
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    CHECK(found > 0);
    return found;
}

static void messages(Pair *pair)
{
    char text[1000];
    unsigned char signature[16];
    SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, signature, sizeof signature), buffer(SECBUFFER_DATA, text, sizeof text)};
    SecBufferDesc message = descriptor(parts, 2);
    memset(text, 'x', sizeof text);
    STATUS(EncryptMessage(&pair->client, 0, &message, 0), SEC_E_OK);
    STATUS(DecryptMessage(&pair->server, &message, 0, NULL), SEC_E_OK);
    CHECK(text[0] == 'x' && text[sizeof text - 1] == 'x');
    STATUS(MakeSignature(&pair->server, 0, &message, 0), SEC_E_OK);
    signature[5] ^= 1;
    STATUS(VerifySignature(&pair->client, &message, 0, NULL), SEC_E_MESSAGE_ALTERED);
    signature[5] ^= 1;
    STATUS(VerifySignature(&pair->client, &message, 0, NULL), SEC_E_OK);
}

static void attributes(Pair *pair)
{
    SecPkgContext_NamesW names;
    SecPkgContext_NegotiationInfoA negotiation;
    SecPkgContext_SessionKey key;
    SecPkgContext_KeyInfoW info;
    SecPkgInfoA *packages;
    ULONG count;
    STATUS(QueryContextAttributesW(&pair->server, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
    STATUS(FreeContextBuffer(names.sUserName), SEC_E_OK);
    STATUS(QueryContextAttributesA(&pair->client, SECPKG_ATTR_NEGOTIATION_INFO, &negotiation), SEC_E_OK);
    STATUS(FreeContextBuffer(negotiation.PackageInfo), SEC_E_OK);
    STATUS(QueryContextAttributesW(&pair->client, SECPKG_ATTR_SESSION_KEY, &key), SEC_E_OK);
    STATUS(FreeContextBuffer(key.SessionKey), SEC_E_OK);
    STATUS(QueryContextAttributesW(&pair->client, SECPKG_ATTR_KEY_INFO, &info), SEC_E_OK);
    STATUS(FreeContextBuffer(info.sSignatureAlgorithmName), SEC_E_OK);
    STATUS(FreeContextBuffer(info.sEncryptAlgorithmName), SEC_E_OK);
    STATUS(QueryContextAttributesW(&pair->client, 4711, &info), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(EnumerateSecurityPackagesA(&count, &packages), SEC_E_OK);
    STATUS(FreeContextBuffer(packages), SEC_E_OK);
}

/* The server's context goes out and comes in again. */
static void move(Pair *pair)
{
    SecBuffer packed = buffer(SECBUFFER_EMPTY, NULL, 0);
    STATUS(ExportSecurityContext(&pair->server, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed, NULL), SEC_E_OK);
    STATUS(ImportSecurityContextA("NTLM", &packed, NULL, &pair->server), SEC_E_OK);
    STATUS(FreeContextBuffer(packed.pvBuffer), SEC_E_OK);
}

/* Exchanges that end early: malformed, with a buffer that is too small, and deleted half way. */
static void half(void)
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    unsigned char memory[64];
    CredHandle credential;
    CtxtHandle context;
    SecBuffer token = buffer(SECBUFFER_TOKEN, memory, 3), bad = buffer(SECBUFFER_TOKEN, memory, 20);
    SecBufferDesc out = descriptor(&token, 1), in = descriptor(&bad, 1);
    memset(memory, 'N', sizeof memory);
    STATUS(AcquireCredentialsHandleA(NULL, "Negotiate", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, REQ, 0, 0, NULL, 0, &context, &out, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
    token = buffer(SECBUFFER_TOKEN, memory, sizeof memory);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, REQ, 0, 0, NULL, 0, &context, &out, NULL, NULL), SEC_I_CONTINUE_NEEDED);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    memset(memory, 'N', sizeof memory);
    token = buffer(SECBUFFER_TOKEN, NULL, 0);
    STATUS(InitializeSecurityContextA(NULL, &context, NULL, REQ | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &in, 0, &context, &out, NULL, NULL),
           SEC_E_INVALID_TOKEN);
    CHECK(token.pvBuffer == NULL);
    STATUS(DeleteSecurityContext(&context), SEC_E_OK);
}

static void handshake(unsigned long number)
{
    Pair pair;
    if (number % 8 == 7) {
        STATUS(establish_as(&pair, user("alice", "EXAMPLE", "wrong"), REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
        half();
    } else {
        STATUS(establish(&pair, REQ, 0), SEC_E_OK);
        messages(&pair);
        if (number % 8 == 5) {
            attributes(&pair);
            move(&pair);
            messages(&pair);
        }
    }
    end(&pair);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000, number;
    int measured = !(argc > 2 && strcmp(argv[2], "unmeasured") == 0);
    long early = 0, late;
    CHECK(count >= 10);
    for (number = 0; number < count && failures == 0; number++) {
        if (number == count / 10) {
            early = resident();
        }
        handshake(number);
    }
    late = resident();
    fprintf(stderr, "%lu handshakes; resident after a tenth: %ld KiB, at the end: %ld KiB\n", number, early, late);
    if (measured) {
        CHECK(late <= early + SLACK_KIB);
    }
    return finish();
}
