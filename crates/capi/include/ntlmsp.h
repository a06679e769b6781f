/*
 * The name of the package NTLM. As on Windows, NTLMSP_NAME is the wide one whatever UNICODE says.
 */
#ifndef NTLMSSPI_NTLMSP_H
#define NTLMSSPI_NTLMSP_H

#ifndef NTLMSP_NAME_A
#define NTLMSP_NAME_A "NTLM"
#define NTLMSP_NAME u"NTLM"
#endif

#endif
