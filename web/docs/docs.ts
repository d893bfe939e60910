// The API reference: reads /openapi.json and shows it.
export {};
