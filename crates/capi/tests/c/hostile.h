/* For tests with bad arguments: memory that ends where nothing may be touched, and what a context that must be refused is refused by. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

/* `length` bytes with an inaccessible page right behind them. */
static inline unsigned char *before_the_edge(size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *memory =
        (unsigned char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + page, page, PROT_NONE) != 0) {
        abort();
    }
    return memory + page - length;
}

static inline void drop_the_edge(unsigned char *memory, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(memory + length - page, 2 * page);
}

/* Every function that takes a context, with one that must be refused. */
static inline void refuse_context(PCtxtHandle context)
{
    unsigned char memory[64] = {0};
    SecBuffer parts[2] = {buffer(SECBUFFER_TOKEN, memory, 16), buffer(SECBUFFER_DATA, memory + 16, 8)};
    SecBuffer packed = buffer(SECBUFFER_EMPTY, NULL, 0);
    SecBufferDesc message = descriptor(parts, 2);
    SecPkgContext_Sizes sizes;
    void *token = memory;
    ULONG qop = 7;

    STATUS(QueryContextAttributesW(context, SECPKG_ATTR_SIZES, &sizes), SEC_E_INVALID_HANDLE);
    STATUS(QueryContextAttributesA(context, 4711, &sizes), SEC_E_INVALID_HANDLE);
    STATUS(QueryContextAttributesExW(context, SECPKG_ATTR_SIZES, &sizes, sizeof sizes), SEC_E_INVALID_HANDLE);
    STATUS(SetContextAttributesW(context, 1, &sizes, 4), SEC_E_INVALID_HANDLE);
    STATUS(MakeSignature(context, 0, &message, 0), SEC_E_INVALID_HANDLE);
    STATUS(VerifySignature(context, &message, 0, &qop), SEC_E_INVALID_HANDLE);
    STATUS(EncryptMessage(context, 0, &message, 0), SEC_E_INVALID_HANDLE);
    STATUS(DecryptMessage(context, &message, 0, &qop), SEC_E_INVALID_HANDLE);
    STATUS(CompleteAuthToken(context, &message), SEC_E_INVALID_HANDLE);
    STATUS(ApplyControlToken(context, &message), SEC_E_INVALID_HANDLE);
    STATUS(ImpersonateSecurityContext(context), SEC_E_INVALID_HANDLE);
    STATUS(RevertSecurityContext(context), SEC_E_INVALID_HANDLE);
    STATUS(QuerySecurityContextToken(context, &token), SEC_E_INVALID_HANDLE);
    STATUS(ExportSecurityContext(context, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &packed, NULL), SEC_E_INVALID_HANDLE);
    CHECK(qop == 7 && token == memory && packed.pvBuffer == NULL);
}

static inline void refuse_leg(PCredHandle credential, PCtxtHandle context, SECURITY_STATUS expected)
{
    unsigned char memory[2888];
    SecBuffer in = buffer(SECBUFFER_TOKEN, memory, 12), out = buffer(SECBUFFER_TOKEN, memory, sizeof memory);
    SecBufferDesc input = descriptor(&in, 1), output = descriptor(&out, 1);
    CtxtHandle made;
    ULONG attr = 0x12345;
    memset(memory, 0, sizeof memory);
    SecInvalidateHandle(&made);
    STATUS(InitializeSecurityContextW(credential, context, NULL, ISC_REQ_CONFIDENTIALITY, 0, 0, &input, 0, &made, &output, &attr, NULL), expected);
    STATUS(AcceptSecurityContext(credential, context, &input, 0, 0, &made, &output, &attr, NULL), expected);
    CHECK(!SecIsValidHandle(&made) && attr == 0x12345 && out.cbBuffer == sizeof memory);
}

#endif
