/*
 * What the programs share that are generated of the table of cases (crates/sspi/tests/cases): each case is a function of calls; what is here makes their
 * parameters and looks at what came back. With UNICODE the calls are those of the W functions, without it those of the A functions.
 *
 * usage: PROGRAM WORLDS [CASE]
 *
 * WORLDS is the directory of the configurations. Each case runs in processes of its own, because a process reads its configuration once: over the functions
 * that the library exports, and over the table of InitSecurityInterface. What is wrong ends the process and is told with the name of the case.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "table_values.h"
#include "table_buffers.h"

/* Attributes of Schannel, which sspi.h does not have. */
#define SECPKG_ATTR_ROOT_STORE 0x55u
#define SECPKG_ATTR_CREDS_2 0x80000086u

/* Handles of no variable. The last is of any value. */
#define INVALID_HANDLE odd_handle((ULONG_PTR)-1, (ULONG_PTR)-1)
#define DELETED_HANDLE odd_handle((ULONG_PTR)-2, (ULONG_PTR)-2)
#define ZERO_HANDLE odd_handle(0, 0)
#define RANDOM_HANDLE odd_handle(0x5eed, 0x12345678)

/* What is in a variable before it gets a handle. */
#define NO_HANDLE {0x5e77, 0x1e55}

#define NO_TIME {{1, 1}}
#define NEVER 0x7FFFFF36D5969FFF

static inline PSecHandle odd_handle(ULONG_PTR lower, ULONG_PTR upper)
{
    PSecHandle made = (PSecHandle)fresh(sizeof *made);
    made->dwLower = lower;
    made->dwUpper = upper;
    return made;
}

static inline int handles_equal(const SecHandle *one, const SecHandle *other)
{
    return one->dwLower == other->dwLower && one->dwUpper == other->dwUpper;
}

/* A call that was refused leaves the variable alone; one of a context that is known gives its handle. */
static inline void handle_is(const SecHandle *found, SecHandle expected)
{
    if (!handles_equal(found, &expected)) {
        wrong("the handle is %#lx %#lx, not %#lx %#lx", (unsigned long)found->dwLower, (unsigned long)found->dwUpper,
              (unsigned long)expected.dwLower, (unsigned long)expected.dwUpper);
    }
}

static inline void handle_is_new(const SecHandle *found, SecHandle before)
{
    if (handles_equal(found, &before) || !SecIsValidHandle((PSecHandle)(uintptr_t)found)) {
        wrong("there is no new handle");
    }
}

/* pGetKeyFn. */
static inline void never_called(void *argument, void *principal, ULONG version, void **key, SECURITY_STATUS *status)
{
    (void)argument, (void)principal, (void)version, (void)key, (void)status;
    wrong("pGetKeyFn was called");
}

/* A call, and the status that it gives. */
#define RETURNS(number, expected, call) (begin((number), #call), returned((call), (expected)))

static inline void returned(SECURITY_STATUS found, SECURITY_STATUS expected)
{
    if (found != expected) {
        wrong("the status is 0x%08x %s, not 0x%08x %s (last error: %s)", (unsigned)found, ntlm_sspi_status_name(found),
              (unsigned)expected, ntlm_sspi_status_name(expected), ntlm_sspi_last_error());
    }
}

/* The functions that the library exports, in a table like its own. */
static const SecurityFunctionTable functions = {
    SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION,
    EnumerateSecurityPackages,
    QueryCredentialsAttributes,
    AcquireCredentialsHandle,
    FreeCredentialsHandle,
    NULL,
    InitializeSecurityContext,
    AcceptSecurityContext,
    CompleteAuthToken,
    DeleteSecurityContext,
    ApplyControlToken,
    QueryContextAttributes,
    ImpersonateSecurityContext,
    RevertSecurityContext,
    MakeSignature,
    VerifySignature,
    FreeContextBuffer,
    QuerySecurityPackageInfo,
    NULL,
    NULL,
    ExportSecurityContext,
    ImportSecurityContext,
    AddCredentials,
    NULL,
    QuerySecurityContextToken,
    EncryptMessage,
    DecryptMessage,
    SetContextAttributes,
    SetCredentialsAttributes,
    ChangeAccountPassword,
    QueryContextAttributesEx,
    QueryCredentialsAttributesEx,
};

/* Through which the cases call. */
static const SecurityFunctionTable *sspi;

/* Members of structures. */
#define NUMBER(found, expected) number_is((uint64_t)(found), (expected), #found)
#define TEXT(found, expected) text_is((found), (expected), #found)
#define WIDE_TEXT(found, expected) wide_text_is((found), (expected), #found)
#define TIME_IS_NEVER(found) number_is((uint64_t)(found).QuadPart, NEVER, #found)
#define TIME_IS_NOW(found) time_is_now((found).QuadPart, #found)
#define FREE(pointer) returned(sspi->FreeContextBuffer(pointer), SEC_E_OK)

/* Local time is two hours ahead. */
#define LOCAL_TIME "TABLE-2"
#define TO_LOCAL (2 * 3600)

static time_t case_began;

static inline int64_t file_time(time_t seconds) { return ((int64_t)seconds + TO_LOCAL + 11644473600) * 10000000; }

static inline void time_is_now(int64_t found, const char *what)
{
    int64_t first = file_time(case_began), last = file_time(time(NULL) + 1);
    if (found < first || found > last) {
        wrong("%s is %lld, not between %lld and %lld", what, (long long)found, (long long)first, (long long)last);
    }
}

/* A package among those that were enumerated. */
static inline const SecPkgInfo *package(const SecPkgInfo *packages, ULONG count, const Character *name)
{
    ULONG i;
    for (i = 0; i < count; i++) {
        if (texts_equal(packages[i].Name, name)) {
            return &packages[i];
        }
    }
    wrong("%s is not there", shown(name));
    return NULL;
}

/* A place for a structure that is not to be filled. */
static unsigned char untouched_place[256];

static inline void *untouched(void) { return memset(untouched_place, 0xa5, sizeof untouched_place); }

static inline void still_untouched(void)
{
    size_t i;
    for (i = 0; i < sizeof untouched_place; i++) {
        if (untouched_place[i] != 0xa5) {
            wrong("byte %zu of the structure was written", i);
        }
    }
}

typedef struct Case {
    const char *name;
    void (*run)(void);
    /* The name of its configuration. */
    const char *world;
} Case;

static inline void run_case(const Case *one, const char *worlds, int over_table)
{
    char path[4096];
    ULONG kind;
    snprintf(path, sizeof path, "%s/%s.toml", worlds, one->world);
    setenv("NTLM_CONFIG", path, 1);
    unsetenv("NTLM_USER_FILE");
    setenv("TZ", LOCAL_TIME, 1);
    case_began = time(NULL);
    sspi = over_table ? InitSecurityInterface() : &functions;
    one->run();
    begin(0, "the end");
    for (kind = 0; kind < 3; kind++) {
        if (ntlm_sspi_live(kind) != 0) {
            wrong("%zu %s left", ntlm_sspi_live(kind), kind == 0 ? "credentials are" : kind == 1 ? "contexts are" : "blocks of memory are");
        }
    }
    free_all();
}

/* Whether a case holds, in a process of its own. */
static inline int holds(const Case *one, const char *worlds, int over_table)
{
    int status = 0;
    pid_t child;
    snprintf(progress->name, sizeof progress->name, "%s, over %s", one->name, over_table ? "the table" : "the functions");
    begin(0, "the beginning");
    fflush(NULL);
    child = fork();
    if (child == 0) {
        /* None takes a second, but for machines that do much else. */
        alarm(120);
        run_case(one, worlds, over_table);
        exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("fork");
        exit(EXIT_FAILURE);
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "%s: call %u, %s: ended by signal %d\n", progress->name, progress->number, progress->function, WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static inline int run_cases(int count, char **arguments, const Case *cases, size_t length)
{
    unsigned ran = 0, failed = 0;
    size_t i;
    int over_table;
    if (count < 2) {
        fprintf(stderr, "usage: %s WORLDS [CASE]\n", arguments[0]);
        return EXIT_FAILURE;
    }
    progress = (Progress *)mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    for (i = 0; i < length; i++) {
        if (count > 2 && strcmp(arguments[2], cases[i].name) != 0) {
            continue;
        }
        for (over_table = 0; over_table < 2; over_table++) {
            ran++;
            if (!holds(&cases[i], arguments[1], over_table)) {
                failed++;
                printf("FAIL %s\n", progress->name);
            }
        }
    }
    printf("%u runs, %u failed\n", ran, failed);
    return ran > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
