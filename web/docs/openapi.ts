// As much of OpenAPI 3.1 as our own description uses. https://spec.openapis.org/oas/v3.1.0

export interface Reference {
  $ref: string;
}

export interface Code {
  code: string;
  meaning: string;
  pointer?: string;
}

export interface Schema {
  type?: string | string[];
  description?: string;
  format?: string;
  enum?: string[];
  default?: unknown;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  required?: string[];
  properties?: Record<string, Schema | Reference>;
  items?: Schema | Reference;
  'x-unicode-pattern'?: string;
  'x-codes'?: Code[];
}

export interface Example {
  summary?: string;
  value: unknown;
}

export interface Media {
  schema: Schema | Reference;
  examples?: Record<string, Example | Reference>;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description: string;
  schema: Schema;
  example?: unknown;
}

export interface Header {
  description: string;
  required?: boolean;
  schema: Schema;
  example?: unknown;
}

export interface Response {
  description: string;
  headers?: Record<string, Header | Reference>;
  content?: Record<string, Media>;
}

export interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters: (Parameter | Reference)[];
  requestBody?: { description: string; content: Record<string, Media> };
  responses: Record<string, Response>;
  'x-scope'?: string;
  'x-publishable-key'?: boolean;
}

export interface Problem {
  slug: string;
  type: string;
  status: number;
  title: string;
  meaning: string;
  advice: string;
  connection: boolean;
}

export interface Description {
  info: { title: string; version: string; summary: string; description: string; contact: { email: string } };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    examples: Record<string, Example>;
    schemas: Record<string, Schema>;
    securitySchemes: Record<string, { type: string; name?: string; description: string; openIdConnectUrl?: string }>;
  };
  'x-problems': Problem[];
}

export class Reader {
  constructor(readonly description: Description) {}

  // What a reference points to, or the thing itself.
  at<T extends object>(thing: T | Reference): T {
    if (!('$ref' in thing)) return thing;
    let place: unknown = this.description;
    for (const step of thing.$ref.slice(2).split('/')) place = (place as Record<string, unknown>)[step];
    return place as T;
  }

  nameOf(thing: object): string | undefined {
    return '$ref' in thing ? String(thing.$ref).split('/').pop() : undefined;
  }

  operations(): { method: string; path: string; operation: Operation }[] {
    return Object.entries(this.description.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  }
}
