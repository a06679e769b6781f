/* What the C tests share: checks that say where they failed. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ntlm_sspi.h>
#include <security.h>

static int failures;
static int checks;

/* Threads count, too. */
#define COUNT(what) ((void)__atomic_add_fetch(&(what), 1, __ATOMIC_RELAXED))

#define CHECK(condition)                                                    \
    do {                                                                    \
        COUNT(checks);                                                      \
        if (!(condition)) {                                                 \
            COUNT(failures);                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                   \
    } while (0)

#define STATUS(call, expected) check_status((call), (expected), __FILE__, __LINE__, #call)

static inline SECURITY_STATUS check_status(SECURITY_STATUS found, SECURITY_STATUS expected, const char *file, int line,
                                           const char *call)
{
    COUNT(checks);
    if (found != expected) {
        COUNT(failures);
        fprintf(stderr, "%s:%d: %s\n    is %#010x %s, not %#010x %s (last error: %s)\n", file, line, call, (unsigned)found,
                ntlm_sspi_status_name(found), (unsigned)expected, ntlm_sspi_status_name(expected), ntlm_sspi_last_error());
    }
    return found;
}

static inline size_t wide_length(const SEC_WCHAR *text)
{
    size_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    return length;
}

static inline int wide_equal(const SEC_WCHAR *text, const char *ascii)
{
    size_t i = 0;
    for (; text[i] != 0 && ascii[i] != 0; i++) {
        if (text[i] != (unsigned char)ascii[i]) {
            return 0;
        }
    }
    return text[i] == 0 && ascii[i] == 0;
}

static inline SecBuffer buffer(ULONG type, void *memory, size_t length)
{
    SecBuffer made = {(ULONG)length, type, memory};
    return made;
}

static inline SecBufferDesc descriptor(SecBuffer *buffers, ULONG count)
{
    SecBufferDesc made = {SECBUFFER_VERSION, count, buffers};
    return made;
}

/* The user whom the tests' account file knows. */
static inline SEC_WINNT_AUTH_IDENTITY_A user(const char *name, const char *domain, const char *password)
{
    SEC_WINNT_AUTH_IDENTITY_A identity;
    memset(&identity, 0, sizeof identity);
    identity.User = (unsigned char *)(uintptr_t)name;
    identity.UserLength = (ULONG)strlen(name);
    identity.Domain = (unsigned char *)(uintptr_t)domain;
    identity.DomainLength = (ULONG)strlen(domain);
    identity.Password = (unsigned char *)(uintptr_t)password;
    identity.PasswordLength = (ULONG)strlen(password);
    identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
    return identity;
}

static inline SEC_WINNT_AUTH_IDENTITY_A alice(void) { return user("alice", "EXAMPLE", "Passw0rd!"); }

/* A client and a server in this process. */
typedef struct Pair {
    CredHandle client_credential, server_credential;
    CtxtHandle client, server;
    ULONG client_attr, server_attr;
} Pair;

/* The whole exchange, with memory of the library's. Returns the status of the server's last leg. */
static inline SECURITY_STATUS establish_as(Pair *pair, SEC_WINNT_AUTH_IDENTITY_A identity, ULONG client_req, ULONG server_req,
                                           SecBuffer *client_extra, SecBuffer *server_extra)
{
    SecBuffer to_server[2] = {buffer(SECBUFFER_TOKEN, NULL, 0), buffer(SECBUFFER_EMPTY, NULL, 0)};
    SecBuffer to_client[2] = {buffer(SECBUFFER_TOKEN, NULL, 0), buffer(SECBUFFER_EMPTY, NULL, 0)};
    SecBuffer last = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc server_in = descriptor(to_server, 2), client_in = descriptor(to_client, 2);
    SecBufferDesc client_out = descriptor(to_server, 1), server_out = descriptor(to_client, 1), end = descriptor(&last, 1);
    SECURITY_STATUS status;

    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &pair->client_credential, NULL),
           SEC_E_OK);
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &pair->server_credential, NULL),
           SEC_E_OK);
    STATUS(InitializeSecurityContextA(&pair->client_credential, NULL, "test/server", client_req | ISC_REQ_ALLOCATE_MEMORY, 0,
                                      SECURITY_NATIVE_DREP, NULL, 0, &pair->client, &client_out, &pair->client_attr, NULL),
           SEC_I_CONTINUE_NEEDED);
    STATUS(AcceptSecurityContext(&pair->server_credential, NULL, &server_in, server_req | ASC_REQ_ALLOCATE_MEMORY,
                                 SECURITY_NATIVE_DREP, &pair->server, &server_out, &pair->server_attr, NULL),
           SEC_I_CONTINUE_NEEDED);
    STATUS(FreeContextBuffer(to_server[0].pvBuffer), SEC_E_OK);
    if (client_extra != NULL) {
        to_client[1] = *client_extra;
    }
    STATUS(InitializeSecurityContextA(NULL, &pair->client, "test/server", client_req | ISC_REQ_ALLOCATE_MEMORY, 0,
                                      SECURITY_NATIVE_DREP, &client_in, 0, &pair->client, &client_out, &pair->client_attr, NULL),
           SEC_E_OK);
    STATUS(FreeContextBuffer(to_client[0].pvBuffer), SEC_E_OK);
    if (server_extra != NULL) {
        to_server[1] = *server_extra;
    }
    status = AcceptSecurityContext(NULL, &pair->server, &server_in, server_req | ASC_REQ_ALLOCATE_MEMORY, SECURITY_NATIVE_DREP,
                                   &pair->server, &end, &pair->server_attr, NULL);
    STATUS(FreeContextBuffer(to_server[0].pvBuffer), SEC_E_OK);
    CHECK(last.cbBuffer == 0 && last.pvBuffer == NULL);
    return status;
}

static inline SECURITY_STATUS establish(Pair *pair, ULONG client_req, ULONG server_req)
{
    return establish_as(pair, alice(), client_req, server_req, NULL, NULL);
}

static inline void end(Pair *pair)
{
    STATUS(DeleteSecurityContext(&pair->client), SEC_E_OK);
    STATUS(DeleteSecurityContext(&pair->server), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&pair->client_credential), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&pair->server_credential), SEC_E_OK);
}

/* Nothing of the library's may be left, and no check may have failed. */
static inline int finish(void)
{
    CHECK(ntlm_sspi_live(0) == 0);
    CHECK(ntlm_sspi_live(1) == 0);
    CHECK(ntlm_sspi_live(2) == 0);
    fprintf(stderr, "%d checks, %d failed\n", checks, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
