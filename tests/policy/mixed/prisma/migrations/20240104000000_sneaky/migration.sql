SET search_path TO public; DROP TABLE orders;
