/*
 * Prints what the process' settings allow: inbound and outbound credentials without an identity, whose those are, a logon with one, one with the defaults,
 * impersonation after it, and lenience. What the log says meanwhile is printed, too, its lines numbered.
 */
#include "check.h"

static void print(const char *what, SECURITY_STATUS status)
{
    printf("%s: %s\n", what, ntlm_sspi_status_name(status));
    if (status < 0) {
        printf("%s, why: %s\n", what, ntlm_sspi_last_error());
    }
}

/* The logon of `credential`; prints the status of the leg that ends it. */
static void logon(const char *what, PCredHandle credential, PCredHandle inbound)
{
    CtxtHandle client, server;
    SecBuffer to_server = buffer(SECBUFFER_TOKEN, NULL, 0), to_client = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc server_in = descriptor(&to_server, 1), client_in = descriptor(&to_client, 1);
    SecPkgContext_NamesA names;
    SECURITY_STATUS status = InitializeSecurityContextA(credential, NULL, "test/host", ISC_REQ_INTEGRITY | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL,
                                                        0, &client, &server_in, NULL, NULL);
    if (status >= 0) {
        status = AcceptSecurityContext(inbound, NULL, &server_in, ASC_REQ_ALLOCATE_MEMORY, 0, &server, &client_in, NULL, NULL);
    }
    if (status >= 0) {
        status = InitializeSecurityContextA(NULL, &client, "test/host", ISC_REQ_INTEGRITY | ISC_REQ_ALLOCATE_MEMORY, 0, 0, &client_in, 0,
                                            &client, &server_in, NULL, NULL);
    }
    if (status >= 0) {
        status = AcceptSecurityContext(NULL, &server, &server_in, 0, 0, &server, NULL, NULL, NULL);
    }
    print(what, status);
    if (status >= 0 && QueryContextAttributesA(&server, SECPKG_ATTR_NAMES, &names) == SEC_E_OK) {
        printf("%s, name: %s\n", what, names.sUserName);
        printf("%s, impersonation: %s\n", what, ntlm_sspi_status_name(ImpersonateSecurityContext(&server)));
        printf("%s, token: %s\n", what, ntlm_sspi_status_name(QuerySecurityContextToken(&server, NULL)));
        printf("%s, reversion: %s\n", what, ntlm_sspi_status_name(RevertSecurityContext(&server)));
        printf("%s, impersonation by the client: %s\n", what, ntlm_sspi_status_name(ImpersonateSecurityContext(&client)));
    }
}

/* What a logon needs that is made from within the log. */
static struct {
    PCredHandle credential, inbound;
} reader;

static void read_log(void *context, const char *message)
{
    static int lines;
    PCredHandle credential = reader.credential;
    PSecPkgInfoA package;
    (void)context;
    printf("log %d: %s\n", ++lines, message);
    /* Who reads the log may call the library, also while it tells what it found in its settings. */
    if (QuerySecurityPackageInfoA("NTLM", &package) == SEC_E_OK) {
        FreeContextBuffer(package);
    }
    if (credential != NULL && strstr(message, "holds secrets") != NULL) {
        reader.credential = NULL;
        logon("logon of who reads the log", credential, reader.inbound);
    }
}

int main(int count, char **arguments)
{
    CredHandle inbound, outbound, given;
    CtxtHandle context;
    SecBuffer token = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc output = descriptor(&token, 1);
    SEC_WINNT_AUTH_IDENTITY_A identity;
    SECURITY_STATUS status;

    if (count != 4) {
        return 2;
    }
    ntlm_sspi_set_log(read_log, NULL);
    identity = user(arguments[2], arguments[1], arguments[3]);
    status = AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &inbound, NULL);
    print("inbound", status);
    if (status != SEC_E_OK) {
        return 1;
    }
    status = AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, NULL, NULL, NULL, &outbound, NULL);
    print("outbound", status);
    if (status == SEC_E_OK) {
        SecPkgCredentials_NamesA names;
        status = QueryCredentialsAttributesA(&outbound, SECPKG_CRED_ATTR_NAMES, &names);
        printf("outbound, name: %s\n", status == SEC_E_OK ? names.sUserName : ntlm_sspi_status_name(status));
        logon("default logon", &outbound, &inbound);
    }
    status = AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL, NULL, &given, NULL);
    print("given", status);
    reader.credential = &given;
    reader.inbound = &inbound;
    logon("logon", &given, &inbound);
    print("delegate", InitializeSecurityContextA(&given, NULL, "test/host", ISC_REQ_DELEGATE | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, &context,
                                                 &output, NULL, NULL));
    ntlm_sspi_set_log(NULL, NULL);
    return failures;
}
