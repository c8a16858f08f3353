// The smallest files that are what they say they are.

const named = (mediaType, data) => ({
  mediaType,
  data,
  bytes: Buffer.from(data, 'base64'),
  url: `data:${mediaType};base64,${data}`,
  anthropic: { media_type: mediaType, data },
});

/** One transparent pixel. */
export const PICTURE = named(
  'image/png',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=',
);

const PAGE = `%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
trailer<</Root 1 0 R>>
%%EOF
`;

/** One empty page. */
export const DOCUMENT = named('application/pdf', Buffer.from(PAGE).toString('base64'));
