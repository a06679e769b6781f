/*
 * SSPI for Linux: the security support provider interface of Windows with the packages "NTLM" and "Negotiate".
 *
 * Names, values and layouts are those of Windows, so that code written for it compiles and runs. What differs:
 *
 *   - unsigned long of Windows has 32 bits: it is ULONG here, on every machine.
 *   - SEC_WCHAR has 16 bits, not wchar_t's 32: write u"..." (char16_t in C++), never L"...".
 *   - SEC_CHAR is UTF-8; on Windows it is the code page of the machine.
 *   - "Negotiate" speaks raw NTLM messages, as Windows does when NTLM is all there is; SPNEGO's framing is refused.
 *   - Threads have no tokens: ImpersonateSecurityContext, RevertSecurityContext and QuerySecurityContextToken say SEC_E_NO_IMPERSONATION. For programs that
 *     go no further without the first two, the configuration can have them say SEC_E_OK, and do nothing (dangerous_impersonation_without_effect).
 *   - A process that is client and server at once is refused its own challenges: SEC_E_WRONG_PRINCIPAL from InitializeSecurityContext. The configuration can
 *     allow them, for tests (dangerous_answer_own_challenges).
 *   - Credentials of the process, and the accounts that a server accepts, come from the environment (NTLM_CONFIG, NTLM_USER_FILE) or from what
 *     ntlm_sspi.h sets. Without either, outbound credentials without an identity give SEC_E_NO_CREDENTIALS.
 *   - Kernel-mode callers, Schannel, Kerberos, SASL and prompts for credentials are not here.
 *
 * Handles are never pointers: a stale, foreign or random one gives SEC_E_INVALID_HANDLE. So does NULL where a handle is needed; NULL where other memory
 * is needed gives SEC_E_INTERNAL_ERROR. Functions may be called by many threads; one context takes one InitializeSecurityContext or
 * AcceptSecurityContext at a time, and encrypts in one thread while it decrypts in another.
 *
 * Link with -lntlmsspi (pkg-config: ntlmsspi). C11 or C++11 and later.
 */
#ifndef NTLMSSPI_SSPI_H
#define NTLMSSPI_SSPI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SEC_ENTRY
#define SEC_ENTRY
#endif
#ifndef SEC_FAR
#define SEC_FAR
#endif

/* Types of windows.h that SSPI's callers use. */
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
typedef uint16_t USHORT;
typedef uint8_t UCHAR;
typedef uint8_t BYTE;
typedef uint8_t BOOLEAN;
typedef uintptr_t ULONG_PTR;
typedef void *PVOID;
typedef ULONG *PULONG;
typedef UCHAR *PUCHAR;

typedef int32_t SECURITY_STATUS;
typedef char SEC_CHAR;
#ifdef __cplusplus
typedef char16_t SEC_WCHAR;
#else
typedef uint16_t SEC_WCHAR;
#endif

#ifdef UNICODE
typedef SEC_WCHAR *SECURITY_PSTR;
typedef const SEC_WCHAR *SECURITY_PCSTR;
#define SEC_TEXT(text) u##text
#define NTLMSSPI_AW(name) name##W
#else
typedef SEC_CHAR *SECURITY_PSTR;
typedef const SEC_CHAR *SECURITY_PCSTR;
#define SEC_TEXT(text) text
#define NTLMSSPI_AW(name) name##A
#endif

/* Units of 100 ns since 1601, in local time. */
typedef union _SECURITY_INTEGER {
    __extension__ struct {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        LONG HighPart;
        ULONG LowPart;
#else
        ULONG LowPart;
        LONG HighPart;
#endif
    };
    int64_t QuadPart;
} SECURITY_INTEGER, *PSECURITY_INTEGER;
typedef SECURITY_INTEGER TimeStamp, *PTimeStamp;

#include "sspi_values.h"

/* Handles. */
typedef struct _SecHandle {
    ULONG_PTR dwLower;
    ULONG_PTR dwUpper;
} SecHandle, *PSecHandle;
typedef SecHandle CredHandle, *PCredHandle;
typedef SecHandle CtxtHandle, *PCtxtHandle;

#define SEC_DELETED_HANDLE ((ULONG_PTR)(-2))
#define SecInvalidateHandle(x) \
    ((void)(((PSecHandle)(x))->dwLower = (ULONG_PTR)(-1), ((PSecHandle)(x))->dwUpper = (ULONG_PTR)(-1)))
#define SecIsValidHandle(x) \
    (((PSecHandle)(x))->dwLower != (ULONG_PTR)(-1) && ((PSecHandle)(x))->dwUpper != (ULONG_PTR)(-1))

/* Packages. */
typedef struct _SecPkgInfoW {
    ULONG fCapabilities;
    USHORT wVersion;
    USHORT wRPCID;
    ULONG cbMaxToken;
    SEC_WCHAR *Name;
    SEC_WCHAR *Comment;
} SecPkgInfoW, *PSecPkgInfoW;
typedef struct _SecPkgInfoA {
    ULONG fCapabilities;
    USHORT wVersion;
    USHORT wRPCID;
    ULONG cbMaxToken;
    SEC_CHAR *Name;
    SEC_CHAR *Comment;
} SecPkgInfoA, *PSecPkgInfoA;

/* Buffers. */
typedef struct _SecBuffer {
    ULONG cbBuffer;
    ULONG BufferType;
    void *pvBuffer;
} SecBuffer, *PSecBuffer;
typedef struct _SecBufferDesc {
    ULONG ulVersion;
    ULONG cBuffers;
    PSecBuffer pBuffers;
} SecBufferDesc, *PSecBufferDesc;

/* Offsets count from the start of the structure. ntlm_sspi.h makes one of a certificate. */
typedef struct _SEC_CHANNEL_BINDINGS {
    ULONG dwInitiatorAddrType;
    ULONG cbInitiatorLength;
    ULONG dwInitiatorOffset;
    ULONG dwAcceptorAddrType;
    ULONG cbAcceptorLength;
    ULONG dwAcceptorOffset;
    ULONG cbApplicationDataLength;
    ULONG dwApplicationDataOffset;
} SEC_CHANNEL_BINDINGS, *PSEC_CHANNEL_BINDINGS;

/*
 * Identities: pAuthData of AcquireCredentialsHandle. Lengths are characters without NUL, in EX2 bytes. Flags, not the function, says whether the strings
 * are SEC_CHAR (ANSI) or SEC_WCHAR (UNICODE). Passwords of more than 512 characters are refused.
 */
typedef struct _SEC_WINNT_AUTH_IDENTITY_W {
    unsigned short *User;
    ULONG UserLength;
    unsigned short *Domain;
    ULONG DomainLength;
    unsigned short *Password;
    ULONG PasswordLength;
    ULONG Flags;
} SEC_WINNT_AUTH_IDENTITY_W, *PSEC_WINNT_AUTH_IDENTITY_W;
typedef struct _SEC_WINNT_AUTH_IDENTITY_A {
    unsigned char *User;
    ULONG UserLength;
    unsigned char *Domain;
    ULONG DomainLength;
    unsigned char *Password;
    ULONG PasswordLength;
    ULONG Flags;
} SEC_WINNT_AUTH_IDENTITY_A, *PSEC_WINNT_AUTH_IDENTITY_A;
typedef struct _SEC_WINNT_AUTH_IDENTITY_EXW {
    ULONG Version;
    ULONG Length;
    unsigned short *User;
    ULONG UserLength;
    unsigned short *Domain;
    ULONG DomainLength;
    unsigned short *Password;
    ULONG PasswordLength;
    ULONG Flags;
    unsigned short *PackageList;
    ULONG PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EXW, *PSEC_WINNT_AUTH_IDENTITY_EXW;
typedef struct _SEC_WINNT_AUTH_IDENTITY_EXA {
    ULONG Version;
    ULONG Length;
    unsigned char *User;
    ULONG UserLength;
    unsigned char *Domain;
    ULONG DomainLength;
    unsigned char *Password;
    ULONG PasswordLength;
    ULONG Flags;
    unsigned char *PackageList;
    ULONG PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EXA, *PSEC_WINNT_AUTH_IDENTITY_EXA;
typedef struct _SEC_WINNT_AUTH_IDENTITY_EX2 {
    ULONG Version;
    USHORT cbHeaderLength;
    ULONG cbStructureLength;
    ULONG UserOffset;
    USHORT UserLength;
    ULONG DomainOffset;
    USHORT DomainLength;
    /* Here: the password in UTF-16. */
    ULONG PackedCredentialsOffset;
    USHORT PackedCredentialsLength;
    ULONG Flags;
    ULONG PackageListOffset;
    USHORT PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EX2, *PSEC_WINNT_AUTH_IDENTITY_EX2;
typedef PVOID PSEC_WINNT_AUTH_IDENTITY_OPAQUE;
typedef union _SEC_WINNT_AUTH_IDENTITY_INFO {
    SEC_WINNT_AUTH_IDENTITY_EXW AuthIdExw;
    SEC_WINNT_AUTH_IDENTITY_EXA AuthIdExa;
    SEC_WINNT_AUTH_IDENTITY_A AuthId_a;
    SEC_WINNT_AUTH_IDENTITY_W AuthId_w;
    SEC_WINNT_AUTH_IDENTITY_EX2 AuthIdEx2;
} SEC_WINNT_AUTH_IDENTITY_INFO, *PSEC_WINNT_AUTH_IDENTITY_INFO;

#include "sspi_attributes.h"
#include "sspi_functions.h"

#ifdef __cplusplus
}
#endif

#endif
