/** The smallest map a user can write, as in the documentation. `${NAME}` is resolved by the router. */
export const sampleMap = `{
  "hot": [
    { "provider": "anthropic", "model": "sonnet-4.6", "baseUrl": "\${ANTHROPIC_BASE_URL}" },
    { "provider": "anthropic", "model": "haiku-4.5",  "baseUrl": "\${ANTHROPIC_BASE_URL_2}" }
  ],
  "warm": [
    { "provider": "openai",  "model": "gpt-4o-mini",     "baseUrl": "https://api.openai.com/v1" },
    { "provider": "google",  "model": "gemini-3-flash",  "baseUrl": "\${GEMINI_OPENAI_COMPAT}" }
  ],
  "cold": { "mode": "graceful_degrade", "queue": "ai-tasks", "notify": ["ops@yourco.com"] }
}
`;
