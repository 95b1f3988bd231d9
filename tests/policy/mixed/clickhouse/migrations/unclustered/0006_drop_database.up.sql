DROP DATABASE somebody_elses;
