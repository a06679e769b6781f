/* The Sspi* functions on identities, and identities of every form as credentials. */
#include "check.h"

#define REQ (ISC_REQ_INTEGRITY)

/* What an identity holds: NULL for what is absent. */
static void holds(PSEC_WINNT_AUTH_IDENTITY_OPAQUE id, const char *user_name, const char *domain, const char *password)
{
    const SEC_WCHAR *parts[3];
    const char *expected[3];
    size_t i;
    expected[0] = user_name;
    expected[1] = domain;
    expected[2] = password;
    parts[0] = parts[1] = parts[2] = (const SEC_WCHAR *)(uintptr_t)0xDEAD;
    STATUS(SspiEncodeAuthIdentityAsStrings(id, &parts[0], &parts[1], &parts[2]), SEC_E_OK);
    for (i = 0; i < 3; i++) {
        CHECK((parts[i] == NULL) == (expected[i] == NULL));
        CHECK(parts[i] == NULL || wide_equal(parts[i], expected[i]));
        SspiLocalFree((PVOID)(uintptr_t)parts[i]);
    }
}

static void encoding(void)
{
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE id = (void *)(uintptr_t)0xDEAD;
    STATUS(SspiEncodeStringsAsAuthIdentity(NULL, NULL, NULL, &id), SEC_E_INVALID_TOKEN);
    CHECK(id == (void *)(uintptr_t)0xDEAD);
    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", NULL, NULL, NULL), SEC_E_INVALID_TOKEN);
    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", NULL, NULL, &id), SEC_E_OK);
    holds(id, "alice", NULL, NULL);
    CHECK(*(ULONG *)id == SEC_WINNT_AUTH_IDENTITY_VERSION_2);
    SspiFreeAuthIdentity(id);
    STATUS(SspiEncodeStringsAsAuthIdentity(NULL, NULL, u"secret", &id), SEC_E_OK);
    holds(id, NULL, NULL, "secret");
    SspiFreeAuthIdentity(id);
    STATUS(SspiEncodeStringsAsAuthIdentity(NULL, u"EXAMPLE", u"secret", &id), SEC_E_OK);
    holds(id, NULL, "EXAMPLE", "secret");
    SspiFreeAuthIdentity(id);
    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", NULL, u"", &id), SEC_E_OK);
    holds(id, "alice", NULL, "");
    SspiZeroAuthIdentity(id);
    CHECK(memcmp(id, &(SEC_WINNT_AUTH_IDENTITY_EX2){0}, sizeof(SEC_WINNT_AUTH_IDENTITY_EX2)) == 0);
    STATUS(SspiValidateAuthIdentity(id), SEC_E_INVALID_TOKEN);
    SspiFreeAuthIdentity(id);
    STATUS(SspiEncodeAuthIdentityAsStrings(NULL, NULL, NULL, NULL), SEC_E_INVALID_TOKEN);
    SspiZeroAuthIdentity(NULL);
    SspiFreeAuthIdentity(NULL);
    SspiLocalFree(NULL);
    SspiFreeAuthIdentity(&id);
    SspiLocalFree(&id);
}

static void helpers(void)
{
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE id, copy, other;
    SEC_WINNT_AUTH_IDENTITY_A plain = alice();
    unsigned char name[] = "alice", domain[] = "EXAMPLE", password[] = "Passw0rd!";
    BOOLEAN same_user = 7, same_identity = 7;
    ULONG length = 0;
    char *bytes = NULL;
    SEC_WCHAR *host;

    plain.User = name;
    plain.Domain = domain;
    plain.Password = password;
    STATUS(SspiEncodeStringsAsAuthIdentity(u"ALICE", u"example", u"Passw0rd!", &id), SEC_E_OK);
    STATUS(SspiCopyAuthIdentity(&plain, &copy), SEC_E_OK);
    holds(copy, "alice", "EXAMPLE", "Passw0rd!");
    STATUS(SspiValidateAuthIdentity(copy), SEC_E_OK);
    STATUS(SspiValidateAuthIdentity(NULL), SEC_E_INVALID_TOKEN);
    STATUS(SspiCompareAuthIdentities(id, copy, &same_user, &same_identity), SEC_E_OK);
    CHECK(same_user == 1 && same_identity == 1);
    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", u"EXAMPLE", u"passw0rd!", &other), SEC_E_OK);
    STATUS(SspiCompareAuthIdentities(other, copy, &same_user, &same_identity), SEC_E_OK);
    CHECK(same_user == 1 && same_identity == 0);
    STATUS(SspiCompareAuthIdentities(other, NULL, &same_user, NULL), SEC_E_OK);
    CHECK(same_user == 0);
    STATUS(SspiCompareAuthIdentities(NULL, NULL, &same_user, &same_identity), SEC_E_OK);
    CHECK(same_user == 1 && same_identity == 1);
    SspiFreeAuthIdentity(other);

    STATUS(SspiMarshalAuthIdentity(id, &length, &bytes), SEC_E_OK);
    STATUS(SspiUnmarshalAuthIdentity(length, bytes, &other), SEC_E_OK);
    holds(other, "ALICE", "example", "Passw0rd!");
    SspiFreeAuthIdentity(other);
    while (length-- > 0) {
        CHECK(SspiUnmarshalAuthIdentity(length, bytes, &other) == SEC_E_INVALID_TOKEN);
    }
    SspiLocalFree(bytes);
    /* Bytes that claim to be a form whose pointers would be followed. */
    STATUS(SspiUnmarshalAuthIdentity(sizeof plain, (char *)&plain, &other), SEC_E_INVALID_TOKEN);

    CHECK(SspiIsAuthIdentityEncrypted(id) == 0 && SspiIsAuthIdentityEncrypted(NULL) == 0);
    STATUS(SspiDecryptAuthIdentity(id), SEC_E_OK);
    STATUS(SspiDecryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_PROCESS, id), SEC_E_OK);
    STATUS(SspiEncryptAuthIdentity(id), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(SspiEncryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_LOGON, id), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(SspiGetTargetHostName(u"HTTP/web.example.test:8080", &host), SEC_E_OK);
    CHECK(wide_equal(host, "web.example.test"));
    SspiLocalFree(host);

    SspiZeroAuthIdentity(&plain);
    CHECK(plain.User == NULL && plain.Flags == 0 && name[0] == 0 && memcmp(password, "\0\0\0\0\0\0\0\0\0", 9) == 0);
    SspiFreeAuthIdentity(id);
    SspiFreeAuthIdentity(copy);
}

/* A logon with the client's credential, which is freed. */
static SECURITY_STATUS log_on(CredHandle client_credential)
{
    CredHandle server_credential;
    CtxtHandle client, server;
    SecBuffer to_server = buffer(SECBUFFER_TOKEN, NULL, 0), to_client = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc server_in = descriptor(&to_server, 1), client_in = descriptor(&to_client, 1);
    SECURITY_STATUS status;
    STATUS(AcquireCredentialsHandleW(NULL, u"NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &server_credential, NULL), SEC_E_OK);
    status = InitializeSecurityContextW(&client_credential, NULL, NULL, REQ | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, &client, &server_in,
                                        NULL, NULL);
    if (status == SEC_I_CONTINUE_NEEDED) {
        STATUS(AcceptSecurityContext(&server_credential, NULL, &server_in, ASC_REQ_ALLOCATE_MEMORY, 0, &server, &client_in, NULL, NULL),
               SEC_I_CONTINUE_NEEDED);
        FreeContextBuffer(to_server.pvBuffer);
        STATUS(InitializeSecurityContextW(NULL, &client, NULL, REQ | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &client_in, 0, &client, &server_in,
                                          NULL, NULL),
               SEC_E_OK);
        status = AcceptSecurityContext(NULL, &server, &server_in, 0, 0, &server, NULL, NULL, NULL);
        FreeContextBuffer(to_server.pvBuffer);
        FreeContextBuffer(to_client.pvBuffer);
        STATUS(DeleteSecurityContext(&client), SEC_E_OK);
        STATUS(DeleteSecurityContext(&server), SEC_E_OK);
    }
    STATUS(FreeCredentialsHandle(&client_credential), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&server_credential), SEC_E_OK);
    return status;
}

/* A logon with `identity` as pAuthData. */
static SECURITY_STATUS logon(void *identity, const char *package)
{
    CredHandle credential;
    STATUS(AcquireCredentialsHandleA(NULL, package, SECPKG_CRED_OUTBOUND, NULL, identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    return log_on(credential);
}

/* Credentials are a copy: what they were made of is gone before they are used. The function's characters need not be the identity's. */
static void wiped(void)
{
    unsigned char text[] = "aliceEXAMPLEPassw0rd!";
    SEC_WINNT_AUTH_IDENTITY_A plain;
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE id;
    CredHandle credential;
    memset(&plain, 0, sizeof plain);
    plain.User = text;
    plain.UserLength = 5;
    plain.Domain = text + 5;
    plain.DomainLength = 7;
    plain.Password = text + 12;
    plain.PasswordLength = 9;
    plain.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
    STATUS(AcquireCredentialsHandleW(NULL, u"NTLM", SECPKG_CRED_OUTBOUND, NULL, &plain, NULL, NULL, &credential, NULL), SEC_E_OK);
    memset(text, 'x', sizeof text);
    memset(&plain, 0xA5, sizeof plain);
    STATUS(log_on(credential), SEC_E_OK);

    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", u"EXAMPLE", u"Passw0rd!", &id), SEC_E_OK);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, id, NULL, NULL, &credential, NULL), SEC_E_OK);
    SspiFreeAuthIdentity(id);
    STATUS(log_on(credential), SEC_E_OK);
}

static void forms(void)
{
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE id, without;
    SEC_WINNT_AUTH_IDENTITY_A plain = alice();
    SEC_WINNT_AUTH_IDENTITY_EXW ex;
    static unsigned short name[] = {'a', 'l', 'i', 'c', 'e'}, domain[] = {'E', 'X', 'A', 'M', 'P', 'L', 'E'},
                          password[] = {'P', 'a', 's', 's', 'w', '0', 'r', 'd', '!'};

    STATUS(logon(&plain, "NTLM"), SEC_E_OK);
    plain = user("alice@example", "", "Passw0rd!");
    STATUS(logon(&plain, "NTLM"), SEC_E_OK);
    plain = user("local", ".", "secret");
    STATUS(logon(&plain, "Negotiate"), SEC_E_OK);
    plain = user("alice", "EXAMPLE", "passw0rd!");
    STATUS(logon(&plain, "NTLM"), SEC_E_LOGON_DENIED);
    plain = user("nobody", "EXAMPLE", "Passw0rd!");
    STATUS(logon(&plain, "NTLM"), SEC_E_LOGON_DENIED);

    memset(&ex, 0, sizeof ex);
    ex.Version = SEC_WINNT_AUTH_IDENTITY_VERSION;
    ex.Length = sizeof ex;
    ex.User = name;
    ex.UserLength = 5;
    ex.Domain = domain;
    ex.DomainLength = 7;
    ex.Password = password;
    ex.PasswordLength = 9;
    ex.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
    STATUS(logon(&ex, "NTLM"), SEC_E_OK);
    STATUS(logon(&ex, "Negotiate"), SEC_E_OK);

    STATUS(SspiEncodeStringsAsAuthIdentity(u"alice", u"EXAMPLE", u"Passw0rd!", &id), SEC_E_OK);
    STATUS(logon(id, "NTLM"), SEC_E_OK);
    STATUS(SspiExcludePackage(id, u"Kerberos", &without), SEC_E_OK);
    STATUS(logon(without, "Negotiate"), SEC_E_OK);
    SspiFreeAuthIdentity(id);
    STATUS(SspiExcludePackage(without, u"ntlm", &id), SEC_E_OK);
    STATUS(logon(id, "NTLM"), SEC_E_NO_CREDENTIALS);
    STATUS(logon(id, "Negotiate"), SEC_E_NO_CREDENTIALS);
    SspiFreeAuthIdentity(without);
    SspiFreeAuthIdentity(id);
}

int main(void)
{
    encoding();
    helpers();
    forms();
    wiped();
    return finish();
}
