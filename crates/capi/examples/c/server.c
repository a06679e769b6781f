/*
 * A server: lets clients log on, and answers the sealed line of each with its name and the line.
 *
 *     server [-a] PORT CLIENTS
 *
 * PORT 0 is any; the one that it is, is printed. The accounts are those that NTLM_CONFIG or NTLM_USER_FILE names. With -a the library allocates the
 * tokens. It serves CLIENTS clients, one by one, and ends.
 */
#include <ntlm_sspi.h>

#include "messages.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static int listen_on(const char *port)
{
    int listening = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(port));
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 8) != 0 ||
        getsockname(listening, (struct sockaddr *)&address, &length) != 0) {
        return -1;
    }
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listening;
}

/* Plays the exchange. The context is to be deleted if `*begun`. */
static SECURITY_STATUS authenticate(int socket, PCredHandle credential, int allocate, PCtxtHandle context, int *begun)
{
    static unsigned char received[LONGEST], made[LONGEST];
    ULONG requests = ASC_REQ_CONFIDENTIALITY | ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT | ASC_REQ_CONNECTION;
    ULONG attributes = 0;
    SecBuffer input, output;
    SecBufferDesc input_buffers, output_buffers;
    SECURITY_STATUS status;

    input.BufferType = SECBUFFER_TOKEN | SECBUFFER_READONLY;
    input.pvBuffer = received;
    output.BufferType = SECBUFFER_TOKEN;
    input_buffers.ulVersion = output_buffers.ulVersion = SECBUFFER_VERSION;
    input_buffers.cBuffers = output_buffers.cBuffers = 1;
    input_buffers.pBuffers = &input;
    output_buffers.pBuffers = &output;
    *begun = 0;
    do {
        size_t length;
        if (receive_bytes(socket, received, &length) != 0) {
            return SEC_E_INCOMPLETE_MESSAGE;
        }
        input.cbBuffer = (ULONG)length;
        output.cbBuffer = allocate ? 0 : sizeof made;
        output.pvBuffer = allocate ? NULL : made;
        status = AcceptSecurityContext(credential, *begun ? context : NULL, &input_buffers, requests | (allocate ? ASC_REQ_ALLOCATE_MEMORY : 0),
                                       SECURITY_NATIVE_DREP, context, &output_buffers, &attributes, NULL);
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
        if (output.cbBuffer > 0 && send_bytes(socket, output.pvBuffer, output.cbBuffer) != 0) {
            return SEC_E_INCOMPLETE_MESSAGE;
        }
        if (allocate) {
            FreeContextBuffer(output.pvBuffer);
        }
    } while (status == SEC_I_CONTINUE_NEEDED || status == SEC_I_COMPLETE_AND_CONTINUE);
    return (attributes & ASC_RET_CONFIDENTIALITY) != 0 ? SEC_E_OK : SEC_E_UNSUPPORTED_FUNCTION;
}

/* Says who the client is and gives its line back. */
static SECURITY_STATUS answer(int socket, PCtxtHandle context)
{
    static char line[LONGEST + 1], reply[2 * LONGEST];
    SecPkgContext_Names names;
    SECURITY_STATUS status = receive_sealed(socket, context, line);
    if (status != SEC_E_OK) {
        return status;
    }
    status = QueryContextAttributes(context, SECPKG_ATTR_NAMES, &names);
    if (status != SEC_E_OK) {
        return status;
    }
    snprintf(reply, sizeof reply, "%s: %s", names.sUserName, line);
    FreeContextBuffer(names.sUserName);
    return send_sealed(socket, context, reply);
}

int main(int count, char **arguments)
{
    int allocate = count > 1 && strcmp(arguments[1], "-a") == 0, listening, clients;
    CredHandle credential;
    SECURITY_STATUS status;

    if (count - allocate != 3) {
        fprintf(stderr, "usage: server [-a] PORT CLIENTS\n");
        return 2;
    }
    status = AcquireCredentialsHandle(NULL, "NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &credential, NULL);
    if (status != SEC_E_OK) {
        fprintf(stderr, "server: %s\n", ntlm_sspi_last_error());
        return 1;
    }
    listening = listen_on(arguments[1 + allocate]);
    if (listening < 0) {
        perror("listen");
        return 1;
    }
    for (clients = atoi(arguments[2 + allocate]); clients > 0; clients--) {
        int connected = accept(listening, NULL, NULL), begun = 0;
        CtxtHandle context;
        if (connected < 0) {
            perror("accept");
            return 1;
        }
        status = authenticate(connected, &credential, allocate, &context, &begun);
        if (status == SEC_E_OK) {
            status = answer(connected, &context);
        }
        /* The reason is for the log; the client gets to see that the connection ends. */
        printf("%s\n", status == SEC_E_OK ? "served" : ntlm_sspi_last_error());
        fflush(stdout);
        if (begun) {
            DeleteSecurityContext(&context);
        }
        close(connected);
    }
    FreeCredentialsHandle(&credential);
    close(listening);
    return 0;
}
