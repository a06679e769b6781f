/* After fork() both processes go on: their challenges and keys differ, and what was begun before works in each. A session moves from one to the other. */
#define _DEFAULT_SOURCE

#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#define REQ ISC_REQ_CONFIDENTIALITY

/* The server's challenge of a fresh exchange, and the session key of another. */
static void draw(unsigned char drawn[24])
{
    SEC_WINNT_AUTH_IDENTITY_A identity = alice();
    SecPkgContext_SessionKey key;
    SecBuffer negotiate = buffer(SECBUFFER_TOKEN, NULL, 0), challenge = buffer(SECBUFFER_TOKEN, NULL, 0);
    SecBufferDesc in = descriptor(&negotiate, 1), out = descriptor(&challenge, 1);
    CredHandle credential;
    CtxtHandle client, server;
    Pair pair;
    STATUS(AcquireCredentialsHandleA(NULL, "NTLM", SECPKG_CRED_BOTH, NULL, &identity, NULL, NULL, &credential, NULL), SEC_E_OK);
    STATUS(InitializeSecurityContextA(&credential, NULL, NULL, REQ | ISC_REQ_ALLOCATE_MEMORY, 0, 0, NULL, 0, &client, &in, NULL, NULL),
           SEC_I_CONTINUE_NEEDED);
    STATUS(AcceptSecurityContext(&credential, NULL, &in, ASC_REQ_ALLOCATE_MEMORY, 0, &server, &out, NULL, NULL), SEC_I_CONTINUE_NEEDED);
    memcpy(drawn, (unsigned char *)challenge.pvBuffer + 24, 8);
    FreeContextBuffer(negotiate.pvBuffer);
    FreeContextBuffer(challenge.pvBuffer);
    STATUS(DeleteSecurityContext(&client), SEC_E_OK);
    STATUS(DeleteSecurityContext(&server), SEC_E_OK);
    STATUS(FreeCredentialsHandle(&credential), SEC_E_OK);
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    STATUS(QueryContextAttributesA(&pair.client, SECPKG_ATTR_SESSION_KEY, &key), SEC_E_OK);
    memcpy(drawn + 8, key.SessionKey, 16);
    FreeContextBuffer(key.SessionKey);
    end(&pair);
}

/* A sealed "moving" in 22 bytes, and back. */
static void seal(PCtxtHandle context, unsigned char message[22])
{
    SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, message, 16), buffer(SECBUFFER_DATA, message + 16, 6)};
    SecBufferDesc both = descriptor(parts, 2);
    memcpy(message + 16, "moving", 6);
    STATUS(EncryptMessage(context, 0, &both, 0), SEC_E_OK);
}

static void unseal(PCtxtHandle context, unsigned char message[22])
{
    SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, message, 16), buffer(SECBUFFER_DATA, message + 16, 6)};
    SecBufferDesc both = descriptor(parts, 2);
    STATUS(DecryptMessage(context, &both, 0, NULL), SEC_E_OK);
    CHECK(memcmp(message + 16, "moving", 6) == 0);
}

/* The other process, which knows nothing but what comes through the pipe: a block with a session, and a message to it. It answers. */
static int take_over(int from, int to)
{
    static unsigned char memory[65536];
    unsigned char message[22];
    ULONG length = 0;
    SecBuffer packed = buffer(SECBUFFER_EMPTY, memory, 0);
    CtxtHandle moved;
    CHECK(read(from, &length, sizeof length) == (ssize_t)sizeof length && length <= sizeof memory);
    CHECK(read(from, memory, length) == (ssize_t)length);
    packed.cbBuffer = length;
    STATUS(ImportSecurityContextA("NTLM", &packed, NULL, &moved), SEC_E_OK);
    CHECK(read(from, message, sizeof message) == (ssize_t)sizeof message);
    unseal(&moved, message);
    seal(&moved, message);
    CHECK(write(to, message, sizeof message) == (ssize_t)sizeof message);
    STATUS(DeleteSecurityContext(&moved), SEC_E_OK);
    return finish();
}

static void moving(void)
{
    unsigned char message[22];
    int forth[2], back[2], status = -1;
    SecBuffer packed = buffer(SECBUFFER_EMPTY, NULL, 0);
    pid_t child;
    Pair pair;
    CHECK(pipe(forth) == 0 && pipe(back) == 0);
    child = fork();
    if (child == 0) {
        /* So that this process ends when the other does. */
        close(forth[1]);
        close(back[0]);
        exit(take_over(forth[0], back[1]));
    }
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    STATUS(ExportSecurityContext(&pair.server, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed, NULL), SEC_E_OK);
    CHECK(write(forth[1], &packed.cbBuffer, sizeof packed.cbBuffer) == (ssize_t)sizeof packed.cbBuffer);
    CHECK(write(forth[1], packed.pvBuffer, packed.cbBuffer) == (ssize_t)packed.cbBuffer);
    STATUS(FreeContextBuffer(packed.pvBuffer), SEC_E_OK);
    seal(&pair.client, message);
    CHECK(write(forth[1], message, sizeof message) == (ssize_t)sizeof message);
    /* Without its answer this would wait for ever. */
    close(back[1]);
    CHECK(read(back[0], message, sizeof message) == (ssize_t)sizeof message);
    unseal(&pair.client, message);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(forth[0]);
    close(forth[1]);
    close(back[0]);
    end(&pair);
}

int main(void)
{
    unsigned char ours[24], theirs[24];
    int pipes[2], status = -1;
    pid_t child;
    Pair pair;

    moving();
    /* Everything that is made once is made before. */
    draw(ours);
    STATUS(establish(&pair, REQ, 0), SEC_E_OK);
    if (pipe(pipes) != 0) {
        return 2;
    }
    child = fork();
    if (child == 0) {
        draw(theirs);
        CHECK(write(pipes[1], theirs, sizeof theirs) == (ssize_t)sizeof theirs);
        end(&pair);
        return finish();
    }
    draw(ours);
    CHECK(read(pipes[0], theirs, sizeof theirs) == (ssize_t)sizeof theirs);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(memcmp(ours, theirs, 8) != 0 && memcmp(ours + 8, theirs + 8, 16) != 0);
    end(&pair);
    return finish();
}
