/*
 * A client: logs on to server.c and sends it a sealed line.
 *
 *     client [-a] HOST PORT [DOMAIN USER PASSWORD] TEXT
 *
 * Without a user it is the default one, whom NTLM_CONFIG or NTLM_USER_FILE names. With -a the library allocates the tokens, otherwise they go to memory of ours. The loop is the one that the documentation of
 * InitializeSecurityContext describes; on Windows it is the same.
 */
#include <ntlm_sspi.h>

#include "messages.h"

static int connect_to(const char *host, const char *port)
{
    struct addrinfo *found = NULL, hints;
    int connected = -1;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) == 0) {
        connected = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        if (connected >= 0 && connect(connected, found->ai_addr, found->ai_addrlen) != 0) {
            close(connected);
            connected = -1;
        }
        freeaddrinfo(found);
    }
    return connected;
}

/* Plays the exchange. After success `context` is to be deleted, and after a failure if `*begun`. */
static SECURITY_STATUS authenticate(int socket, PCredHandle credential, const char *target, int allocate, PCtxtHandle context, int *begun)
{
    static unsigned char received[LONGEST], made[LONGEST];
    ULONG requests = ISC_REQ_CONFIDENTIALITY | ISC_REQ_REPLAY_DETECT | ISC_REQ_SEQUENCE_DETECT | ISC_REQ_CONNECTION;
    ULONG attributes = 0;
    SecBuffer input, output;
    SecBufferDesc input_buffers, output_buffers;
    SECURITY_STATUS status;

    input.BufferType = output.BufferType = SECBUFFER_TOKEN;
    input.cbBuffer = 0;
    input.pvBuffer = received;
    input_buffers.ulVersion = output_buffers.ulVersion = SECBUFFER_VERSION;
    input_buffers.cBuffers = output_buffers.cBuffers = 1;
    input_buffers.pBuffers = &input;
    output_buffers.pBuffers = &output;
    *begun = 0;
    do {
        size_t length;
        /* Both are in and out: what the last call left there must not count. */
        output.cbBuffer = allocate ? 0 : sizeof made;
        output.pvBuffer = allocate ? NULL : made;
        status = InitializeSecurityContext(credential, *begun ? context : NULL, target, requests | (allocate ? ISC_REQ_ALLOCATE_MEMORY : 0), 0,
                                           SECURITY_NATIVE_DREP, *begun ? &input_buffers : NULL, 0, context, &output_buffers, &attributes,
                                           NULL);
        if (!SEC_SUCCESS(status)) {
            return status;
        }
        *begun = 1;
        if (status == SEC_I_COMPLETE_NEEDED || status == SEC_I_COMPLETE_AND_CONTINUE) {
            SECURITY_STATUS completed = CompleteAuthToken(context, &output_buffers);
            if (!SEC_SUCCESS(completed)) {
                return completed;
            }
        }
        /* After SEC_E_OK, too: the server waits for the last token. */
        if (output.cbBuffer > 0 && send_bytes(socket, output.pvBuffer, output.cbBuffer) != 0) {
            return SEC_E_INCOMPLETE_MESSAGE;
        }
        if (allocate) {
            FreeContextBuffer(output.pvBuffer);
        }
        if (status == SEC_I_CONTINUE_NEEDED || status == SEC_I_COMPLETE_AND_CONTINUE) {
            if (receive_bytes(socket, received, &length) != 0) {
                return SEC_E_INCOMPLETE_MESSAGE;
            }
            input.cbBuffer = (ULONG)length;
        }
    } while (status == SEC_I_CONTINUE_NEEDED || status == SEC_I_COMPLETE_AND_CONTINUE);
    /* The caller of the page decides whether what it got suffices. */
    return (attributes & ISC_RET_CONFIDENTIALITY) != 0 ? SEC_E_OK : SEC_E_UNSUPPORTED_FUNCTION;
}

int main(int count, char **arguments)
{
    static char reply[LONGEST + 1];
    int allocate = count > 1 && strcmp(arguments[1], "-a") == 0, begun = 0, connected, named = count - allocate == 7;
    char **given = arguments + 1 + allocate, target[256];
    SEC_WINNT_AUTH_IDENTITY identity;
    CredHandle credential;
    CtxtHandle context;
    SECURITY_STATUS status;

    if (!named && count - allocate != 4) {
        fprintf(stderr, "usage: client [-a] HOST PORT [DOMAIN USER PASSWORD] TEXT\n");
        return 2;
    }
    connected = connect_to(given[0], given[1]);
    if (connected < 0) {
        perror(given[0]);
        return 1;
    }
    snprintf(target, sizeof target, "example/%s", given[0]);
    memset(&identity, 0, sizeof identity);
    if (named) {
        identity.Domain = (unsigned char *)given[2];
        identity.DomainLength = (ULONG)strlen(given[2]);
        identity.User = (unsigned char *)given[3];
        identity.UserLength = (ULONG)strlen(given[3]);
        identity.Password = (unsigned char *)given[4];
        identity.PasswordLength = (ULONG)strlen(given[4]);
        identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
    }
    status = AcquireCredentialsHandle(NULL, "NTLM", SECPKG_CRED_OUTBOUND, NULL, named ? &identity : NULL, NULL, NULL, &credential, NULL);
    if (status == SEC_E_OK) {
        status = authenticate(connected, &credential, target, allocate, &context, &begun);
        if (status == SEC_E_OK) {
            status = send_sealed(connected, &context, given[named ? 5 : 2]);
        }
        if (status == SEC_E_OK) {
            status = receive_sealed(connected, &context, reply);
        }
        if (begun) {
            DeleteSecurityContext(&context);
        }
        FreeCredentialsHandle(&credential);
    }
    close(connected);
    if (status != SEC_E_OK) {
        fprintf(stderr, "client: %s\n", ntlm_sspi_status_name(status));
        return 1;
    }
    printf("%s\n", reply);
    return 0;
}
