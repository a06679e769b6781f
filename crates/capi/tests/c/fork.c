/* After fork() both processes go on: their challenges and keys differ, and what was begun before works in each. */
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

int main(void)
{
    unsigned char ours[24], theirs[24];
    int pipes[2], status = -1;
    pid_t child;
    Pair pair;

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
