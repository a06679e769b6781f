/*
 * Eight threads: six log on, rightly and wrongly, while the seventh sets, replaces and takes away the authority and the eighth the reader of the log.
 * usage: callback_threads [ROUNDS]
 */
#define _DEFAULT_SOURCE

#include "check.h"
#include "threads.h"

#define LOGONS 6

static unsigned long rounds = 50;
static unsigned at_work;

/* An authority and a reader of the log; a callback is never called with the context of another. */
typedef struct Side {
    NTLM_SSPI_AUTHORITY_CALLBACK authority;
    NTLM_SSPI_LOG_CALLBACK reader;
    UCHAR hash[16];
    unsigned asked, told;
} Side;

static Side sides[2];

static ULONG answer(Side *side, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict)
{
    COUNT(side->asked);
    CHECK(logon->UserUtf8 != NULL && strcmp(logon->UserUtf8, "alice") == 0);
    memcpy(verdict->Key, side->hash, sizeof verdict->Key);
    verdict->Kind = NTLM_SSPI_VERDICT_NT_HASH;
    return NTLM_SSPI_STATUS_SUCCESS;
}

static ULONG first_authority(void *context, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict)
{
    CHECK(context == &sides[0]);
    return answer((Side *)context, logon, verdict);
}

static ULONG second_authority(void *context, const NTLM_SSPI_LOGON *logon, NTLM_SSPI_VERDICT *verdict)
{
    CHECK(context == &sides[1]);
    return answer((Side *)context, logon, verdict);
}

static void first_reader(void *context, const char *message)
{
    CHECK(context == &sides[0] && message[0] != 0);
    COUNT(sides[0].told);
}

static void second_reader(void *context, const char *message)
{
    CHECK(context == &sides[1] && message[0] != 0);
    COUNT(sides[1].told);
}

/* Whoever is asked knows alice, with the same password. */
static void log_on(void)
{
    unsigned long round;
    for (round = 0; round < rounds; round++) {
        Pair pair;
        STATUS(establish(&pair, 0, 0), SEC_E_OK);
        end(&pair);
        STATUS(establish_as(&pair, user("alice", "EXAMPLE", "wrong"), 0, 0, NULL, NULL), SEC_E_LOGON_DENIED);
        CHECK(strstr(ntlm_sspi_last_error(), "AcceptSecurityContext: SEC_E_LOGON_DENIED") == ntlm_sspi_last_error());
        end(&pair);
    }
    __atomic_sub_fetch(&at_work, 1, __ATOMIC_RELAXED);
}

static void replace_callbacks(int authority)
{
    unsigned turn;
    for (turn = 0; __atomic_load_n(&at_work, __ATOMIC_RELAXED) > 0; turn++) {
        Side *side = turn % 3 < 2 ? &sides[turn % 3] : NULL;
        if (authority) {
            STATUS(ntlm_sspi_set_authority(side == NULL ? NULL : side->authority, side), SEC_E_OK);
        } else {
            STATUS(ntlm_sspi_set_log(side == NULL ? NULL : side->reader, side), SEC_E_OK);
        }
        sched_yield();
    }
}

static void callbacks_change(void *argument, unsigned number)
{
    (void)argument;
    if (number < LOGONS) {
        log_on();
    } else {
        replace_callbacks(number == LOGONS);
    }
}

int main(int argc, char **argv)
{
    Pair pair;
    unsigned asked;
    if (argc > 1) {
        rounds = strtoul(argv[1], NULL, 10);
    }
    begin();
    sides[0].authority = first_authority;
    sides[0].reader = first_reader;
    sides[1].authority = second_authority;
    sides[1].reader = second_reader;
    STATUS(ntlm_sspi_nt_hash("Passw0rd!", sides[0].hash), SEC_E_OK);
    memcpy(sides[1].hash, sides[0].hash, sizeof sides[1].hash);
    at_work = LOGONS;
    together(THREADS, callbacks_change, NULL);
    /* The last word counts. */
    asked = sides[1].asked;
    STATUS(ntlm_sspi_set_authority(second_authority, &sides[1]), SEC_E_OK);
    STATUS(ntlm_sspi_set_log(NULL, NULL), SEC_E_OK);
    STATUS(establish(&pair, 0, 0), SEC_E_OK);
    end(&pair);
    CHECK(sides[1].asked == asked + 1);
    return finish();
}
