/* ntlm_sspi.h: the authority callback, NT hashes, channel bindings, the log and the text of failures; and requests that bring something along. */
#include "check.h"

#define REQ (ISC_REQ_CONFIDENTIALITY)

/* An authority that knows one account. */
typedef struct Authority {
    UCHAR hash[16];
    ULONG verdict;
    ULONG status;
    int calls;
    const char *account;
} Authority;

static ULONG authority(void *context, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict)
{
    Authority *known = (Authority *)context;
    known->calls++;
    CHECK(logon->cbSize == sizeof *logon && verdict->cbSize == sizeof *verdict && verdict->Kind == 0 && verdict->AccountUtf8 == NULL);
    CHECK(logon->ResponseKind == NTLM_SSPI_RESPONSE_NTLMV2 && logon->NtResponseLength > 24);
    CHECK(logon->DomainUtf8 != NULL && logon->WorkstationLength == 0);
    if (logon->UserUtf8 == NULL || strcmp(logon->UserUtf8, "Zo\xC3\xAB") != 0 || logon->UserLength != 3 || logon->User[2] != 0xEB) {
        return NTLM_SSPI_STATUS_NO_SUCH_USER;
    }
    memcpy(verdict->Key, known->hash, 16);
    verdict->Kind = known->verdict;
    verdict->AccountUtf8 = known->account;
    return known->status;
}

static void authorities(void)
{
    Authority known = {{0}, NTLM_SSPI_VERDICT_NT_HASH, NTLM_SSPI_STATUS_SUCCESS, 0, NULL};
    SEC_WINNT_AUTH_IDENTITY_A zoe = user("Zo\xC3\xAB", "ELSEWHERE", "g\xC3\xA9heim");
    Pair pair;

    STATUS(ntlm_sspi_nt_hash("g\xC3\xA9heim", known.hash), SEC_E_OK);
    STATUS(ntlm_sspi_nt_hash(NULL, known.hash), SEC_E_INVALID_PARAMETER);
    STATUS(ntlm_sspi_nt_hash("x", NULL), SEC_E_INTERNAL_ERROR);
    STATUS(ntlm_sspi_set_authority(authority, &known), SEC_E_OK);
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    CHECK(known.calls == 1);
    end(&pair);
    /* The accounts of the environment do not count now. */
    STATUS(establish(&pair, REQ, 0), SEC_E_LOGON_DENIED);
    end(&pair);
    STATUS(establish_as(&pair, user("Zo\xC3\xAB", "ELSEWHERE", "other"), REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    known.status = NTLM_SSPI_STATUS_NO_LOGON_SERVERS;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_NO_AUTHENTICATING_AUTHORITY);
    end(&pair);
    known.status = NTLM_SSPI_STATUS_ACCOUNT_DISABLED;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    /* A yes without a verdict, with one that is none, and with keys that prove nothing. */
    known.status = NTLM_SSPI_STATUS_SUCCESS;
    known.verdict = 0;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_INTERNAL_ERROR);
    end(&pair);
    known.verdict = 99;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_INTERNAL_ERROR);
    end(&pair);
    memset(known.hash, 0, 16);
    known.verdict = NTLM_SSPI_VERDICT_NT_HASH;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    known.verdict = NTLM_SSPI_VERDICT_SESSION_KEY;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    STATUS(ntlm_sspi_set_authority(NULL, NULL), SEC_E_OK);
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    end(&pair);
}

/* Whom a context names, and who knows him. */
static void named(PCtxtHandle context, const char *name, const char *domain)
{
    SecPkgContext_NamesA names = {NULL};
    SecPkgContext_AuthorityA known_by = {NULL};
    STATUS(QueryContextAttributesA(context, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
    STATUS(QueryContextAttributesA(context, SECPKG_ATTR_AUTHORITY, &known_by), SEC_E_OK);
    CHECK(strcmp(names.sUserName, name) == 0 && strcmp(known_by.sAuthorityName, domain) == 0);
    STATUS(FreeContextBuffer(names.sUserName), SEC_E_OK);
    STATUS(FreeContextBuffer(known_by.sAuthorityName), SEC_E_OK);
}

/* The authority's name for the account goes before what the client sent, on the server. */
static void accounts(void)
{
    static const char sent[] = "ELSEWHERE\\Zo\xC3\xAB";
    static char longest[0x8001];
    Authority known = {{0}, NTLM_SSPI_VERDICT_NT_HASH, NTLM_SSPI_STATUS_SUCCESS, 0, NULL};
    SEC_WINNT_AUTH_IDENTITY_A zoe = user("Zo\xC3\xAB", "ELSEWHERE", "secret");
    Pair pair;

    STATUS(ntlm_sspi_nt_hash("secret", known.hash), SEC_E_OK);
    STATUS(ntlm_sspi_set_authority(authority, &known), SEC_E_OK);
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    named(&pair.server, sent, "ELSEWHERE");
    end(&pair);
    known.account = "";
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    named(&pair.server, sent, "ELSEWHERE");
    end(&pair);
    known.account = "R\xC3\x89" "ALM\\zoe.1";
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    named(&pair.server, known.account, "R\xC3\x89" "ALM");
    named(&pair.client, sent, "ELSEWHERE");
    end(&pair);
    known.account = "zoe@example.test";
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    named(&pair.server, known.account, "ELSEWHERE");
    end(&pair);
    /* A name that is none lets nobody in, and a wrong password stays one. */
    known.account = "REALM\\Zo\xEB";
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_INTERNAL_ERROR);
    CHECK(strstr(ntlm_sspi_last_error(), "account name") != NULL);
    end(&pair);
    STATUS(establish_as(&pair, user("Zo\xC3\xAB", "ELSEWHERE", "other"), REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    memset(longest, 'x', sizeof longest - 1);
    known.account = longest;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_INTERNAL_ERROR);
    end(&pair);
    known.account = longest + 1;
    STATUS(establish_as(&pair, zoe, REQ, 0, NULL, NULL), SEC_E_OK);
    named(&pair.server, known.account, "ELSEWHERE");
    end(&pair);
    STATUS(ntlm_sspi_set_authority(NULL, NULL), SEC_E_OK);
}

static void nt_hashes(void)
{
    UCHAR hash[16], placeholder[16] = {0};
    CredHandle credential;
    SecPkgCredentials_NamesA names;
    STATUS(ntlm_sspi_nt_hash("secret", hash), SEC_E_OK);
    CHECK(memcmp(hash, "\x87\x8D\x80\x14\x60\x6C\xDA\x29\x67\x7A\x44\xEF\xA1\x35\x3F\xC7", 16) == 0);
    STATUS(ntlm_sspi_acquire_with_nt_hash("NTLM", SECPKG_CRED_OUTBOUND, "bob", "EXAMPLE", hash, &credential, NULL), SEC_E_OK);
    STATUS(QueryCredentialsAttributesA(&credential, SECPKG_CRED_ATTR_NAMES, &names), SEC_E_OK);
    CHECK(strcmp(names.sUserName, "EXAMPLE\\bob") == 0);
    STATUS(FreeContextBuffer(names.sUserName), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    STATUS(ntlm_sspi_acquire_with_nt_hash("NTLM", SECPKG_CRED_OUTBOUND, "bob", NULL, hash, &credential, NULL), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    STATUS(ntlm_sspi_acquire_with_nt_hash("NTLM", SECPKG_CRED_OUTBOUND, "bob", NULL, NULL, &credential, NULL), SEC_E_UNKNOWN_CREDENTIALS);
    STATUS(ntlm_sspi_acquire_with_nt_hash("NTLM", SECPKG_CRED_OUTBOUND, "bob", NULL, placeholder, &credential, NULL),
           SEC_E_UNKNOWN_CREDENTIALS);
    STATUS(ntlm_sspi_acquire_with_nt_hash("Kerberos", SECPKG_CRED_OUTBOUND, "bob", NULL, hash, &credential, NULL), SEC_E_SECPKG_NOT_FOUND);
    STATUS(ntlm_sspi_acquire_with_nt_hash("NTLM", SECPKG_CRED_OUTBOUND, "bob", NULL, hash, NULL, NULL), SEC_E_INVALID_HANDLE);
}

static void bindings(void)
{
    static const UCHAR channel[] = "tls-exporter:0123456789abcdef0123456789abcdef", other[] = "tls-exporter:else";
    SecBuffer ours, theirs, none = buffer(SECBUFFER_EMPTY, NULL, 0);
    Pair pair;
    STATUS(ntlm_sspi_channel_bindings_from_data(channel, sizeof channel - 1, &ours), SEC_E_OK);
    STATUS(ntlm_sspi_channel_bindings_from_data(other, sizeof other - 1, &theirs), SEC_E_OK);
    CHECK(ours.BufferType == SECBUFFER_CHANNEL_BINDINGS && ours.cbBuffer == 32 + sizeof channel - 1);
    STATUS(establish_as(&pair, alice(), REQ, 0, &ours, &ours), SEC_E_OK);
    end(&pair);
    STATUS(establish_as(&pair, alice(), REQ, 0, &theirs, &ours), SEC_E_BAD_BINDINGS);
    end(&pair);
    STATUS(establish_as(&pair, alice(), REQ, 0, &none, &ours), SEC_E_BAD_BINDINGS);
    end(&pair);
    STATUS(establish_as(&pair, alice(), REQ, ASC_REQ_ALLOW_MISSING_BINDINGS, &none, &ours), SEC_E_OK);
    end(&pair);
    STATUS(establish_as(&pair, alice(), REQ, 0, &ours, &none), SEC_E_OK);
    end(&pair);
    STATUS(FreeContextBuffer(ours.pvBuffer), SEC_E_OK);
    STATUS(FreeContextBuffer(theirs.pvBuffer), SEC_E_OK);

    STATUS(ntlm_sspi_channel_bindings_from_data(NULL, 5, &ours), SEC_E_INVALID_TOKEN);
    STATUS(ntlm_sspi_channel_bindings_from_data(channel, 0, &ours), SEC_E_INVALID_TOKEN);
    STATUS(ntlm_sspi_channel_bindings_from_data(channel, 5, NULL), SEC_E_INTERNAL_ERROR);
    STATUS(ntlm_sspi_channel_bindings_from_certificate(NULL, 5, &ours), SEC_E_INVALID_TOKEN);
    STATUS(ntlm_sspi_channel_bindings_from_certificate(channel, 0, &ours), SEC_E_INVALID_TOKEN);
    STATUS(ntlm_sspi_channel_bindings_from_certificate((const UCHAR *)"-----BEGIN CERTIFICATE-----", 27, &ours), SEC_E_INVALID_TOKEN);
}

/* What matters of a certificate: the algorithm that signed it. */
static void certificates(void)
{
    /* SEQUENCE { SEQUENCE {}, SEQUENCE { ecdsa-with-SHA384, }, BIT STRING } */
    static const UCHAR ecdsa[] = {0x30, 0x11, 0x30, 0x00, 0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86,
                                  0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03, 0x03, 0x01, 0x00};
    /* The same with Ed25519. */
    static const UCHAR ed25519[] = {0x30, 0x0C, 0x30, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x01, 0x00};
    SecBuffer made;
    STATUS(ntlm_sspi_channel_bindings_from_certificate(ecdsa, sizeof ecdsa, &made), SEC_E_OK);
    CHECK(made.BufferType == SECBUFFER_CHANNEL_BINDINGS && made.cbBuffer == 32 + 21 + 48);
    CHECK(memcmp((UCHAR *)made.pvBuffer + 32, "tls-server-end-point:", 21) == 0);
    STATUS(FreeContextBuffer(made.pvBuffer), SEC_E_OK);
    STATUS(ntlm_sspi_channel_bindings_from_certificate(ed25519, sizeof ed25519, &made), SEC_E_UNSUPPORTED_FUNCTION);
}

static void count(void *context, const char *message)
{
    CHECK(strlen(message) > 10);
    ++*(int *)context;
}

static void words(void)
{
    int lines = 0;
    Pair pair;
    STATUS(ntlm_sspi_set_log(count, &lines), SEC_E_OK);
    STATUS(establish_as(&pair, user("alice", "EXAMPLE", "wrong"), REQ, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    CHECK(lines == 1);
    CHECK(strstr(ntlm_sspi_last_error(), "AcceptSecurityContext") != NULL && strstr(ntlm_sspi_last_error(), "password") != NULL);
    end(&pair);
    STATUS(ntlm_sspi_set_log(NULL, NULL), SEC_E_OK);
    CHECK(strcmp(ntlm_sspi_status_name(SEC_E_LOGON_DENIED), "SEC_E_LOGON_DENIED") == 0);
    CHECK(strcmp(ntlm_sspi_status_name(0x12345), "") == 0);
    CHECK(strlen(ntlm_sspi_version()) >= 5);
}

/* An identity that comes with a call replaces the credential's. */
static void supplied(void)
{
    SEC_WINNT_AUTH_IDENTITY_A wrong = user("alice", "EXAMPLE", "wrong"), right = alice();
    CredHandle credential;
    CtxtHandle context;
    ULONG attr = 0;
    SecBuffer in = buffer(SECBUFFER_PKG_PARAMS, &right, sizeof right), out = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc input = descriptor(&in, 1), output = descriptor(&out, 1);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &wrong, NULL, NULL, &credential, NULL), SEC_E_OK);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_USE_SUPPLIED_CREDS | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0,
                                      &context, &output, &attr, NULL),
           SEC_I_CONTINUE_NEEDED);
    CHECK((attr & ISC_RET_USED_SUPPLIED_CREDS) != 0);
    STATUS(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(&context), SEC_E_OK);
    /* Not asked for, or not there, or too short to be one. */
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0, &context, &output, &attr, NULL),
           SEC_I_CONTINUE_NEEDED);
    CHECK((attr & ISC_RET_USED_SUPPLIED_CREDS) == 0);
    STATUS(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(&context), SEC_E_OK);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_USE_SUPPLIED_CREDS | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, &context,
                                      &output, &attr, NULL),
           SEC_I_CONTINUE_NEEDED);
    CHECK((attr & ISC_RET_USED_SUPPLIED_CREDS) == 0);
    STATUS(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(&context), SEC_E_OK);
    in.cbBuffer = sizeof right - 1;
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_USE_SUPPLIED_CREDS | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &input, 0,
                                      &context, &output, &attr, NULL),
           SEC_E_UNKNOWN_CREDENTIALS);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
}

/* Nobody in particular: by the server's leave alone. */
static void anonymous(void)
{
    Pair pair;
    STATUS(establish_as(&pair, alice(), ISC_REQ_NULL_SESSION, 0, NULL, NULL), SEC_E_LOGON_DENIED);
    end(&pair);
    STATUS(establish_as(&pair, alice(), ISC_REQ_NULL_SESSION, ASC_REQ_ALLOW_NULL_SESSION, NULL, NULL), SEC_E_OK);
    CHECK((pair.client_attr & ISC_RET_NULL_SESSION) != 0 && (pair.server_attr & ASC_RET_NULL_SESSION) != 0);
    end(&pair);
}

int main(void)
{
    authorities();
    accounts();
    nt_hashes();
    bindings();
    certificates();
    words();
    supplied();
    anonymous();
    return finish();
}
