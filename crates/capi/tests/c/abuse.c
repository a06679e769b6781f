/* What bad callers get: the documented status, and nothing else happens. What is in tokens and identities is hostile.c's. */
#define _DEFAULT_SOURCE

#include "hostile.h"

#include <pthread.h>

#define REQ (ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT)

static void refuse_credential(PCredHandle credential)
{
    SecPkgCredentials_NamesW names;
    STATUS(QueryCredentialsAttributesW(credential, SECPKG_CRED_ATTR_NAMES, &names), SEC_E_INVALID_HANDLE);
    STATUS(QueryCredentialsAttributesExA(credential, SECPKG_CRED_ATTR_NAMES, &names, 8), SEC_E_INVALID_HANDLE);
    STATUS(SetCredentialsAttributesA(credential, 1, &names, 8), SEC_E_INVALID_HANDLE);
    STATUS(AddCredentialsW(credential, NULL, u"NTLM", SECPKG_CRED_OUTBOUND, NULL, NULL, NULL, NULL), SEC_E_INVALID_HANDLE);
    STATUS(FreeCredentialsHandle(credential), SEC_E_INVALID_HANDLE);
}

static void handles(void)
{
    Pair pair;
    SecHandle odd[] = {{0, 0}, {(ULONG_PTR)-1, (ULONG_PTR)-1}, {(ULONG_PTR)-2, (ULONG_PTR)-2}, {1, 1}, {1, 0}, {0x1234567, 0x89ABCDE}};
    SecHandle freed;
    size_t i;

    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    for (i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        refuse_context(&odd[i]);
        refuse_credential(&odd[i]);
        refuse_leg(&pair.client_credential, &odd[i], SEC_E_INVALID_HANDLE);
        refuse_leg(&odd[i], NULL, SEC_E_INVALID_HANDLE);
        STATUS(DeleteSecurityContext(&odd[i]), i == 2 ? SEC_E_OK : SEC_E_INVALID_HANDLE);
    }
    refuse_context(NULL);
    refuse_credential(NULL);
    refuse_leg(NULL, NULL, SEC_E_INVALID_HANDLE);
    STATUS(DeleteSecurityContext(NULL), SEC_E_INVALID_HANDLE);
    /* A handle of the other kind. */
    refuse_context(&pair.client_credential);
    STATUS(DeleteSecurityContext(&pair.client_credential), SEC_E_INVALID_HANDLE);
    refuse_credential(&pair.client);
    /* A context of the other side. */
    {
        unsigned char memory[2888];
        SecBuffer out = buffer(SECBUFFER_TOKEN, memory, sizeof memory);
        SecBufferDesc output = descriptor(&out, 1);
        STATUS(InitializeSecurityContextW(NULL, &pair.server, NULL, REQ, 0, 0, NULL, 0, NULL, &output, NULL, NULL), SEC_E_INVALID_HANDLE);
        STATUS(AcceptSecurityContext(NULL, &pair.client, NULL, 0, 0, NULL, &output, NULL, NULL), SEC_E_INVALID_HANDLE);
    }
    /* Guesses near a true handle. */
    for (i = 0; i < 64; i++) {
        SecHandle guess = pair.client;
        guess.dwUpper ^= (ULONG_PTR)1 << i;
        STATUS(ImpersonateSecurityContext(&guess), SEC_E_INVALID_HANDLE);
        guess = pair.client;
        guess.dwLower ^= (ULONG_PTR)1 << i;
        STATUS(ImpersonateSecurityContext(&guess), SEC_E_INVALID_HANDLE);
    }
    /* Freed, and freed again. Contexts go on without their credential. */
    freed = pair.client_credential;
    STATUS(FreeCredentialsHandle(&pair.client_credential), SEC_E_OK);
    refuse_credential(&freed);
    freed = pair.client;
    STATUS(DeleteSecurityContext(&pair.client), SEC_E_OK);
    refuse_context(&freed);
    STATUS(DeleteSecurityContext(&freed), SEC_E_OK);
    STATUS(DeleteSecurityContext(&pair.server), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&pair.server_credential), SEC_E_OK);
    /* Stale: the slot has another context now. */
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    refuse_context(&freed);
    STATUS(DeleteSecurityContext(&freed), SEC_E_OK);
    end(&pair);
}

static void null_pointers(void)
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    CredHandle credential;
    CtxtHandle context;
    ULONG count;
    PSecPkgInfoA package = NULL;
    SecBuffer out = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc output = descriptor(&out, 1);
    Pair pair;

    STATUS(EnumerateSecurityPackagesA(NULL, &package), SEC_E_INTERNAL_ERROR);
    STATUS(EnumerateSecurityPackagesA(&count, NULL), SEC_E_INTERNAL_ERROR);
    STATUS(QuerySecurityPackageInfoA(NULL, &package), SEC_E_SECPKG_NOT_FOUND);
    STATUS(QuerySecurityPackageInfoA("NTLM", NULL), SEC_E_INTERNAL_ERROR);
    STATUS(QuerySecurityPackageInfoA("\xff\xfe", &package), SEC_E_SECPKG_NOT_FOUND);
    STATUS(AcquireCredentialsHandleA(NULL, NULL, SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_SECPKG_NOT_FOUND);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, NULL, NULL), SEC_E_INVALID_HANDLE);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", 0, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_UNKNOWN_CREDENTIALS);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, NULL, NULL, NULL, &credential, NULL), SEC_E_NO_CREDENTIALS);
    STATUS(FreeContextBuffer(NULL), SEC_E_OK);
    STATUS(ChangeAccountPasswordA(NULL, NULL, NULL, NULL, NULL, 0, 0, NULL), SEC_E_SECPKG_NOT_FOUND);
    STATUS(ChangeAccountPasswordA("Kerberos", "EXAMPLE", "alice", "Passw0rd!", "another", 0, 0, &output), SEC_E_SECPKG_NOT_FOUND);
    STATUS(ChangeAccountPasswordW(u"NTLM", NULL, NULL, NULL, NULL, 0, 0, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(ChangeAccountPasswordA("negotiate", "EXAMPLE", "alice", "Passw0rd!", "another", 0, 0, &output), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(ImportSecurityContextA("NTLM", NULL, NULL, &context), SEC_E_INVALID_TOKEN);
    STATUS(ImportSecurityContextA("NTLM", &out, NULL, NULL), SEC_E_INVALID_HANDLE);
    STATUS(ImportSecurityContextA("NTLM", &out, NULL, &context), SEC_E_INVALID_TOKEN);
    CHECK(InitSecurityInterfaceExA(77) == InitSecurityInterfaceA() && InitSecurityInterfaceExW(0) == InitSecurityInterfaceW());

    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    /* Nowhere to put the handle, nowhere to put the token. */
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, NULL, &output, NULL, NULL),
           SEC_E_INVALID_HANDLE);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, 0, 0, 0, NULL, 0, &context, NULL, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, 0, 0, 0, NULL, 0, &context, &output, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
    out.cbBuffer = 100;
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, 0, 0, 0, NULL, 0, &context, &output, NULL, NULL), SEC_E_INTERNAL_ERROR);
    out.BufferType = SECBUFFER_DATA;
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, 0, 0, 0, NULL, 0, &context, &output, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
    STATUS(AcceptSecurityContext(&credential, NULL, NULL, ASC_REQ_ALLOCATE_MEMORY, 0, &context, &output, NULL, NULL), SEC_E_BUFFER_TOO_SMALL);
    out.BufferType = SECBUFFER_TOKEN;
    STATUS(AcceptSecurityContext(&credential, NULL, NULL, ASC_REQ_ALLOCATE_MEMORY, 0, &context, &output, NULL, NULL), SEC_E_INVALID_TOKEN);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_DELEGATE | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, &context,
                                      &output, NULL, NULL),
           SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, ISC_REQ_PROMPT_FOR_CREDS | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0,
                                      &context, &output, NULL, NULL),
           SEC_E_UNSUPPORTED_FUNCTION);
    CHECK(ntlm_sspi_live(1) == 0 && out.pvBuffer == NULL);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);

    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    STATUS(QueryContextAttributesA(&pair.client, SECPKG_ATTR_SIZES, NULL), SEC_E_INTERNAL_ERROR);
    STATUS(QueryContextAttributesA(&pair.client, SECPKG_ATTR_NAMES, NULL), SEC_E_INTERNAL_ERROR);
    STATUS(QueryCredentialsAttributesA(&pair.client_credential, SECPKG_CRED_ATTR_NAMES, NULL), SEC_E_INTERNAL_ERROR);
    STATUS(QueryCredentialsAttributesA(&pair.client_credential, SECPKG_CRED_ATTR_CERT, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(QueryCredentialsAttributesA(&pair.server_credential, SECPKG_CRED_ATTR_NAMES, &package), SEC_E_NO_CREDENTIALS);
    STATUS(SetCredentialsAttributesW(&pair.client_credential, SECPKG_CRED_ATTR_KDC_PROXY_SETTINGS, NULL, 0), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(AddCredentialsA(&pair.client_credential, NULL, "NTLM", 2, NULL, NULL, NULL, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(SetContextAttributesA(&pair.client, 1004, NULL, 0), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(CompleteAuthToken(&pair.server, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(ApplyControlToken(&pair.server, NULL), SEC_E_UNSUPPORTED_FUNCTION);
    STATUS(ImpersonateSecurityContext(&pair.server), SEC_E_NO_IMPERSONATION);
    STATUS(ImpersonateSecurityContext(&pair.client), SEC_E_NO_IMPERSONATION);
    STATUS(RevertSecurityContext(&pair.server), SEC_E_NO_IMPERSONATION);
    STATUS(QuerySecurityContextToken(&pair.server, NULL), SEC_E_NO_IMPERSONATION);
    STATUS(MakeSignature(&pair.client, 0, NULL, 0), SEC_E_INVALID_TOKEN);
    STATUS(VerifySignature(&pair.client, NULL, 0, NULL), SEC_E_INVALID_TOKEN);
    STATUS(EncryptMessage(&pair.client, 0, NULL, 0), SEC_E_INVALID_TOKEN);
    STATUS(DecryptMessage(&pair.client, NULL, 0, NULL), SEC_E_INVALID_TOKEN);
    STATUS(ExportSecurityContext(&pair.client, SECPKG_CONTEXT_EXPORT_DELETE_OLD, NULL, NULL), SEC_E_INTERNAL_ERROR);
    end(&pair);
}

/* Descriptors and buffers of messages that are not what they should be; a good message follows each. */
static void descriptors(void)
{
    Pair pair;
    unsigned char memory[64], guarded[16 + 8];
    SecBuffer parts[4];
    SecBufferDesc message;
    size_t length;

    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    parts[0] = buffer(SECBUFFER_TOKEN, memory, 16);
    parts[1] = buffer(SECBUFFER_DATA, memory + 16, 8);
    message = descriptor(parts, 2);
    message.ulVersion = 1;
    STATUS(MakeSignature(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    message = descriptor(parts, 0xFFFFFFFF);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    message = descriptor(NULL, 2);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    message = descriptor(NULL, 0);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    message = descriptor(parts, 1);
    STATUS(MakeSignature(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[0].BufferType = 0x0ABCDEF0;
    message = descriptor(parts, 2);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[0].BufferType = SECBUFFER_TOKEN;
    /* Padding is 9, which is no DATA although its lowest bit says so. */
    parts[1].BufferType = SECBUFFER_PADDING;
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[1] = buffer(SECBUFFER_DATA, NULL, 8);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    STATUS(MakeSignature(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[1] = buffer(SECBUFFER_DATA, memory + 16, 8);
    parts[0] = buffer(SECBUFFER_TOKEN, NULL, 16);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_BUFFER_TOO_SMALL);
    parts[0] = buffer(SECBUFFER_TOKEN | SECBUFFER_READONLY, memory, 16);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_BUFFER_TOO_SMALL);

    /* Not a byte behind cbBuffer. */
    for (length = 0; length < 16; length++) {
        memset(guarded, 0xA5, sizeof guarded);
        parts[0] = buffer(SECBUFFER_TOKEN, guarded, length);
        STATUS(MakeSignature(&pair.client, 0, &message, 0), SEC_E_BUFFER_TOO_SMALL);
        STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_BUFFER_TOO_SMALL);
        CHECK(parts[0].cbBuffer == length && guarded[0] == 0xA5 && guarded[15] == 0xA5);
        STATUS(VerifySignature(&pair.server, &message, 0, NULL), SEC_E_INVALID_TOKEN);
        STATUS(DecryptMessage(&pair.server, &message, 0, NULL), SEC_E_INVALID_TOKEN);
        parts[2] = buffer(SECBUFFER_STREAM, guarded, length);
        message.cBuffers = 3;
        STATUS(DecryptMessage(&pair.server, &message, 0, NULL), SEC_E_INCOMPLETE_MESSAGE);
        message.cBuffers = 2;
    }

    /* Memory that would be written through two buffers, or written through one and read through another. */
    parts[0] = buffer(SECBUFFER_TOKEN, memory, 16);
    parts[1] = buffer(SECBUFFER_DATA, memory + 8, 16);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    STATUS(MakeSignature(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[1] = buffer(SECBUFFER_DATA, memory + 16, 16);
    parts[2] = buffer(SECBUFFER_DATA, memory + 31, 16);
    message.cBuffers = 3;
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);
    parts[2] = buffer(SECBUFFER_DATA | SECBUFFER_READONLY_WITH_CHECKSUM, memory + 24, 4);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_INVALID_TOKEN);

    /* Many buffers, empty ones and unaligned ones among them; nothing of what was refused counts. */
    parts[1] = buffer(SECBUFFER_DATA, memory + 17, 7);
    parts[2] = buffer(SECBUFFER_DATA, NULL, 0);
    parts[3] = buffer(0x0ABCDEF0, NULL, 99);
    message.cBuffers = 4;
    memcpy(memory + 17, "message", 7);
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_OK);
    STATUS(DecryptMessage(&pair.server, &message, 0, NULL), SEC_E_OK);
    CHECK(memcmp(memory + 17, "message", 7) == 0);

    /* A changed message: zeros where the plaintext would be, and the true one can still come. */
    STATUS(EncryptMessage(&pair.client, 0, &message, 0), SEC_E_OK);
    memcpy(memory + 40, memory + 17, 7);
    memory[17] ^= 1;
    STATUS(DecryptMessage(&pair.server, &message, 0, NULL), SEC_E_MESSAGE_ALTERED);
    memcpy(memory + 17, memory + 40, 7);
    STATUS(DecryptMessage(&pair.server, &message, 0, NULL), SEC_E_OK);
    CHECK(memcmp(memory + 17, "message", 7) == 0);
    end(&pair);
}

static void foreign_memory(void)
{
    int local;
    void *allocated = malloc(16);
    PSecPkgInfoW package;
    STATUS(FreeContextBuffer(&local), SEC_E_INVALID_HANDLE);
    STATUS(FreeContextBuffer(allocated), SEC_E_INVALID_HANDLE);
    STATUS(FreeContextBuffer((void *)(uintptr_t)1), SEC_E_INVALID_HANDLE);
    STATUS(QuerySecurityPackageInfoW(u"NTLM", &package), SEC_E_OK);
    STATUS(FreeContextBuffer((char *)package + 1), SEC_E_INVALID_HANDLE);
    STATUS(FreeContextBuffer(package->Name), SEC_E_INVALID_HANDLE);
    STATUS(FreeContextBuffer(package), SEC_E_OK);
    STATUS(FreeContextBuffer(package), SEC_E_INVALID_HANDLE);
    free(allocated);
}

/* Results go to memory of any alignment. */
static void unaligned(void)
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    unsigned char room[128];
    PTimeStamp expiry = (PTimeStamp)(void *)(room + 4);
    PCredHandle credential = (PCredHandle)(void *)(room + 17);
    PCtxtHandle context = (PCtxtHandle)(void *)(room + 41);
    ULONG *attr = (ULONG *)(void *)(room + 63);
    SecBuffer out = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc output = descriptor(&out, 1);
    memset(room, 0, sizeof room);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, credential, expiry), SEC_E_OK);
    CHECK(memcmp(room + 4, "\xFF\x9F\x96\xD5\x36\xFF\xFF\x7F", 8) == 0);
    STATUS(InitializeSecurityContextA(credential, NULL, NULL, ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, context, &output, attr, expiry),
           SEC_I_CONTINUE_NEEDED);
    STATUS(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
    STATUS(DeleteSecurityContext(context), SEC_E_OK);
    STATUS(FreeCredentialsHandle(credential), SEC_E_OK);
}

/* Threads that use a context while others delete it. */
typedef struct Race {
    CtxtHandle context;
    pthread_barrier_t start;
} Race;

static void *use(void *argument)
{
    Race *race = (Race *)argument;
    int i;
    pthread_barrier_wait(&race->start);
    for (i = 0; i < 50; i++) {
        unsigned char memory[16 + 64];
        SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, memory, 16), buffer(SECBUFFER_DATA, memory + 16, 64)};
        SecBufferDesc message = descriptor(parts, 2);
        SecPkgContext_NamesA names;
        SECURITY_STATUS status;
        memset(memory, 'x', sizeof memory);
        status = EncryptMessage(&race->context, 0, &message, 0);
        if (status != SEC_E_OK && status != SEC_E_INVALID_HANDLE) {
            return race;
        }
        status = QueryContextAttributesA(&race->context, SECPKG_ATTR_NAMES, &names);
        if (status == SEC_E_OK) {
            FreeContextBuffer(names.sUserName);
        } else if (status != SEC_E_INVALID_HANDLE) {
            return race;
        }
    }
    return NULL;
}

static void *delete_it(void *argument)
{
    Race *race = (Race *)argument;
    pthread_barrier_wait(&race->start);
    return DeleteSecurityContext(&race->context) == SEC_E_OK ? NULL : race;
}

static void races(void)
{
    int round;
    for (round = 0; round < 20; round++) {
        pthread_t threads[4];
        Race race;
        Pair pair;
        size_t i;
        STATUS(establish(&pair, REQ, 0), SEC_E_OK);
        race.context = pair.client;
        pthread_barrier_init(&race.start, NULL, 4);
        for (i = 0; i < 4; i++) {
            CHECK(pthread_create(&threads[i], NULL, i < 2 ? use : delete_it, &race) == 0);
        }
        for (i = 0; i < 4; i++) {
            void *failed = NULL;
            CHECK(pthread_join(threads[i], &failed) == 0 && failed == NULL);
        }
        pthread_barrier_destroy(&race.start);
        end(&pair);
    }
}

int main(void)
{
    null_pointers();
    handles();
    descriptors();
    foreign_memory();
    unaligned();
    races();
    return finish();
}
